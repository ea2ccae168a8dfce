"""Voice menus: what a caller hears, presses and reaches."""
