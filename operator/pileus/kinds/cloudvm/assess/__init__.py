"""What the state of a CloudVM's objects means, one module for each thing to look at. Pure and total."""
