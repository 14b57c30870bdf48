"""Desired objects of a CloudVM, one module for each thing that is decided. Pure and total."""
