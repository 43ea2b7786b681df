"""Monitors at work: a plan says what, a check judges one window, a run leaves a page of it."""
