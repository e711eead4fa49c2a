"""What the README's figures come from: this machine, this code, and ceilings measured in the same run."""
