"""Customers are found by number in whatever form it arrives, and a withheld one is nobody."""

import pytest

from ivr.customers import load_customers, plain_number
from store.source import BadFile


@pytest.mark.parametrize(
    "arrived, plain",
    [
        ("19900000001", "19900000001"),
        ("+8619900000001", "19900000001"),
        ("008619900000001", "19900000001"),
        ("8619900000001", "19900000001"),
        ("019900000001", "19900000001"),
        ("02112345678", "02112345678"),
        ("+862112345678", "2112345678"),
        ("861012345678", "861012345678"),
        ("95588", "95588"),
        ("110", "110"),
        ("", ""),
        ("anonymous", ""),
        ("<img onerror=1>", "1"),
    ],
)
def test_one_form(arrived, plain):
    assert plain_number(arrived) == plain


def test_the_book(tmp_path):
    file = tmp_path / "customers.yaml"
    file.write_text('customers:\n  - {number: "19900000001", name: 孙, level: vip}\n')
    book = load_customers(file)
    assert book.find("+86 199 0000 0001").level == "vip"
    assert book.find("") is None
    assert book.find("anonymous") is None
    assert book.find("19900000002") is None


def test_one_number_twice(tmp_path):
    file = tmp_path / "customers.yaml"
    file.write_text(
        'customers:\n  - {number: "19900000001", name: 孙, level: vip}\n'
        '  - {number: "019900000001", name: 王, level: vip}\n'
    )
    with pytest.raises(BadFile, match=r":3: .* is here twice"):
        load_customers(file)


def test_a_number_with_spaces(tmp_path):
    file = tmp_path / "customers.yaml"
    file.write_text('customers:\n  - {number: "199 0000", name: 孙, level: vip}\n')
    with pytest.raises(BadFile, match=":2: "):
        load_customers(file)
