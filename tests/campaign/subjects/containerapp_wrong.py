"""x"""

WRONG = ()
DEPUTIES = ()
