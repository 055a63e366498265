"""MIDI cannot drown the sound: what a hop takes is bounded, and no note is lost."""

from __future__ import annotations

from mido import Message

from latentfx.automation.inbox import CALM, MOST, Inbox


def test_flood_of_a_controller_leaves_its_newest_value_and_every_note() -> None:
    inbox = Inbox()
    for number in range(10_000):
        inbox.append(Message("control_change", control=21, value=number % 128))
        if number % 1000 == 0:
            inbox.append(Message("note_on", note=60 + number // 1000))
    taken = list(inbox.take(10_000))
    assert [m.note for m in taken if m.type == "note_on"] == list(range(60, 70))
    assert [m.value for m in taken if m.type == "control_change"][-1] == 9_999 % 128
    assert len(taken) + inbox.counts.replaced == 10_010
    assert len(taken) < 2 * CALM


def test_calm_messages_come_one_by_one_in_their_order() -> None:
    sent = [Message("control_change", control=1, value=value) for value in range(CALM)]
    inbox = Inbox()
    for message in sent:
        inbox.append(message)
    assert list(inbox.take(CALM)) == sent
    assert not list(inbox.take(CALM))


def test_a_hop_takes_a_bounded_number_and_the_rest_waits() -> None:
    inbox = Inbox()
    for number in range(1000):
        inbox.append(Message("note_on", note=number % 128))
    assert len(list(inbox.take(CALM))) == CALM
    assert len(inbox) == 1000 - CALM


def test_data_entry_pedals_and_commands_are_kept_in_a_flood() -> None:
    inbox = Inbox()
    controls = (101, 100, 6, 64, 123) * 50
    for control in controls:
        inbox.append(Message("control_change", control=control, value=1))
    assert tuple(message.control for message in inbox.take(1000)) == controls


def test_keys_that_go_down_in_a_flood_beyond_all_bounds_are_dropped_and_counted_and_none_sticks() -> None:
    inbox = Inbox()
    for number in range(MOST):
        inbox.append(Message("note_on", note=number % 128))
    inbox.append(Message("note_on", note=1))
    inbox.append(Message("note_off", note=1))
    assert inbox.counts.dropped == 1
    assert list(inbox.take(2 * MOST))[-1].type == "note_off"
    assert not len(inbox)
