"""Every story and kind of alert has an entry."""

from __future__ import annotations

from typing import get_args

import pytest

from mondrift.alert import alerts_for
from mondrift.diagnosis import Story
from mondrift.errors import InputError
from mondrift.playbook import entry
from tests.flights import verdict


@pytest.mark.parametrize("story", [s for s in get_args(Story) if s != "no drift"])
def test_every_story_has_an_entry(story):
    assert entry(story).steps and entry(story).retraining


def test_every_alert_of_the_demo_has_an_entry():
    for week in range(5):
        for alert in alerts_for(verdict(week)):
            assert entry(alert.playbook).name == alert.playbook


def test_an_unknown_entry_names_the_nearest():
    with pytest.raises(InputError, match="Did you mean 'concept drift'"):
        entry("concept drfit")
