"""What the state of a CloudVM's objects means, one module for each thing that is looked at. Pure and total."""
