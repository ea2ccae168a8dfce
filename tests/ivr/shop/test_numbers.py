"""Numbers that are typed: a slip of the finger is noticed."""

from hypothesis import given
from hypothesis import strategies as st

from ivr.shop.numbers import application_number, application_serial, check_digit, is_sound


def test_luhn_of_the_standard() -> None:
    assert check_digit("7992739871") == "3"
    assert is_sound("79927398713")
    assert not is_sound("79927398710")


@given(st.integers(1, 10**9))
def test_there_and_back(serial: int) -> None:
    number = application_number(serial)
    assert number.isdigit()
    assert application_serial(number) == serial


@given(st.integers(1, 99_999_999), st.integers(0, 9), st.integers(1, 9))
def test_one_wrong_digit_is_noticed(serial: int, place: int, more: int) -> None:
    number = application_number(serial)
    wrong = str((int(number[place]) + more) % 10)
    assert application_serial(number[:place] + wrong + number[place + 1 :]) is None


@given(st.text(max_size=40))
def test_anything_else_is_no_number(text: str) -> None:
    serial = application_serial(text)
    assert serial is None or application_number(serial) == text
