"""An online shop as callers may ask it: what can be asked, the rules, and two shops behind it.

``services.py`` is the port: every question with its arguments, results and values. ``builtin.py``
answers from our own database, ``rest.py`` from a shop's own system. Nothing personal is said
without the last four digits of the order's telephone number: the services that know it ask for
them themselves, so that no menu can leave the question out.
"""
