"""The IT helpdesk: accounts, devices, licences, access rights and tickets; articles and outages."""

from toolgym.envs.helpdesk.declared import HELPDESK

__all__ = ["HELPDESK"]
