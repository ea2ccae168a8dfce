"""Passwords and guessing."""

from dashboards.accounts import LONGEST_PAUSE, Guesser, Throttle, hash_password, password_fits

GUESSER = Guesser("boss", "10.0.0.1")


def fail(throttle: Throttle, guesser: Guesser, times: int, now: float = 0.0) -> None:
    for _ in range(times):
        throttle.failed(guesser, now)


def test_a_hash_is_argon2id_and_fits_only_its_password() -> None:
    password_hash = hash_password("correct horse battery staple")
    assert password_hash.startswith("$argon2id$v=19$m=65536,t=3,")
    assert password_fits(password_hash, "correct horse battery staple")
    assert not password_fits(password_hash, "Correct horse battery staple")
    assert not password_fits("no hash at all", "x")


def test_five_free_tries_then_pauses_that_double() -> None:
    throttle = Throttle()
    fail(throttle, GUESSER, 4)
    assert throttle.wait(GUESSER, 0.0) == 0.0
    fail(throttle, GUESSER, 1)
    assert throttle.wait(GUESSER, 0.0) == 5.0
    assert throttle.wait(GUESSER, 6.0) == 0.0
    fail(throttle, GUESSER, 1, now=6.0)
    assert throttle.wait(GUESSER, 6.0) == 10.0
    fail(throttle, GUESSER, 40, now=6.0)
    assert throttle.wait(GUESSER, 6.0) == LONGEST_PAUSE


def test_one_guesser_does_not_lock_the_account_for_others_nor_the_office_out() -> None:
    throttle = Throttle()
    fail(throttle, GUESSER, 20)
    assert throttle.wait(Guesser("boss", "10.0.0.2"), 0.0) == 0.0
    assert throttle.wait(Guesser("8001", "10.0.0.1"), 0.0) == 0.0
    fail(throttle, GUESSER, 10)
    assert throttle.wait(Guesser("8001", "10.0.0.1"), 0.0) > 0.0


def test_success_forgets_and_never_counts_against_the_office() -> None:
    throttle = Throttle()
    for number in range(60):
        guesser = Guesser(str(number), "10.0.0.1")
        assert throttle.wait(guesser, 0.0) == 0.0
        throttle.failed(guesser, 0.0)
        throttle.succeeded(guesser)
    fail(throttle, GUESSER, 4)
    throttle.failed(GUESSER, 0.0)
    throttle.succeeded(GUESSER)
    assert throttle.wait(GUESSER, 0.0) == 0.0


def test_failures_are_forgotten_after_an_hour_and_memory_is_bounded() -> None:
    throttle = Throttle()
    fail(throttle, GUESSER, 5)
    throttle.failed(GUESSER, 4000.0)
    assert throttle.wait(GUESSER, 4000.0) == 0.0
    for number in range(20_000):
        throttle.failed(Guesser(str(number), str(number)), 0.0)
    assert len(throttle._failures) <= 10_000
