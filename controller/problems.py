"""The one kind of error that the command line shows without a traceback."""


class ProblemError(Exception):
    """Something that the person at the terminal can mend; the text says what is wrong and how."""
