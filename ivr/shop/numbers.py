"""Numbers that are typed on a telephone: digits alone, with a check digit. Pure.

The check digit is Luhn's (ISO/IEC 7812-1, annex B): it notices every single wrong digit and
nearly every pair of neighbours that changed places.
"""

#: The first digit of an application's number, so that nobody takes it for an order's.
_APPLICATION = "7"
_SERIAL_DIGITS = 8
APPLICATION_DIGITS = len(_APPLICATION) + _SERIAL_DIGITS + 1


def check_digit(digits: str) -> str:
    """The digit to put behind these."""
    total = 0
    for index, digit in enumerate(reversed(digits)):
        doubled = int(digit) * (2 if index % 2 == 0 else 1)
        total += doubled // 10 + doubled % 10
    return str(-total % 10)


def is_sound(number: str) -> bool:
    """Does the last digit fit the ones before it?"""
    return (
        len(number) > 1
        and number.isascii()
        and number.isdigit()
        and check_digit(number[:-1]) == number[-1]
    )


def application_number(serial: int) -> str:
    """The number that a caller is given for the application with this serial number."""
    digits = f"{_APPLICATION}{serial:0{_SERIAL_DIGITS}d}"
    return digits + check_digit(digits)


def application_serial(number: str) -> int | None:
    """The serial number behind an application's number; None where none has this form."""
    if len(number) < APPLICATION_DIGITS or number[:1] != _APPLICATION or not is_sound(number):
        return None
    return int(number[1:-1])
