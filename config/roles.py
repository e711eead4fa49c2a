"""The officials' roles: those of one agency, and those of all; desk/rights.py says what each may."""

ROLES_OF_ONE_AGENCY = ("officer", "head")
ROLES_OF_ALL = ("triage", "admin", "auditor")
ROLES = ROLES_OF_ONE_AGENCY + ROLES_OF_ALL
