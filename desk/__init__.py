"""The officials' web desk, the public pages, and the Open311 addresses through which programs read and update."""
