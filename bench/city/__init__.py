"""A city of ninety days on a fake clock: what became of its reports, its promises and its report card."""
