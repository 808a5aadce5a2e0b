"""Which channels a subject's messages go to."""

from app.notifications.domain import destinations
from tests.unit.notifications.telling import channel, subject

WEBSOCKET = channel("websocket", type="websocket", default=True, settings={})
PLAIN, DEFAULT = channel("plain"), channel("default-hook", name="Default hook", default=True)
OFF = channel("off", default=True, enabled=False)
ALL = [WEBSOCKET, PLAIN, DEFAULT, OFF]


def ids(found):
    return {(asked if channel is None else channel.id): problem for asked, channel, problem in found}


def test_without_channels_the_websocket_and_every_default_are_told():
    assert ids(destinations(subject(), ALL, [])) == {"websocket": None, "default-hook": None}


def test_a_channel_is_named_by_id_or_name_and_told_once():
    asked = subject(channels=("default-hook", "Default hook", "plain"))
    assert ids(destinations(asked, ALL, [])) == {"default-hook": None, "plain": None}


def test_what_cannot_be_told_has_a_reason():
    asked = subject(channels=("email", "off", "plain"))
    assert ids(destinations(asked, ALL, [], switched_off=["webhook"])) == {
        "email": "no channel named email",
        "off": "the channel off is disabled",
        "plain": "webhook is switched off by ALERTING_WEBHOOK_ENABLED",
    }


def test_the_end_goes_to_whoever_was_told_of_the_beginning():
    ended = subject("RESOLVED", channels=("plain",))
    assert ids(destinations(ended, ALL, ["default-hook", "deleted-since"])) == {"plain": None, "default-hook": None}
    assert ids(destinations(subject(channels=("plain",)), ALL, ["default-hook"])) == {"plain": None}
