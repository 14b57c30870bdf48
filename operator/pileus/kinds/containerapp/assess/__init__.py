"""The pieces of `judge`: what the live objects say, in words for the user.

A finding names the leaf cause and the remedy, never "waiting for a child". What is usual right after a
change is Progressing; it gets a name of its own only when it lasts.
"""
