"""x"""

EFFECTS = ()
