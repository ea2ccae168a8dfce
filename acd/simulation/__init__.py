"""The digital twin: the very distribution under generated or recorded traffic, faster than time.

Everything here is driven by an explicit ``numpy.random.Generator``: the same seed and files give
the same day.
"""
