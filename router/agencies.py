"""Which agency owns a problem: service x area -> agency_responsible."""

from config.pack import Pack


def agency_for(pack: Pack, service_code: str | None, area_code: str | None) -> str | None:
    """The agency's id, or None where the desk must decide.

    A service whose owner is the local office (kelurahan, kecamatan) needs an area to have one.
    """
    service = pack.services.get(service_code or "")
    if service is None or service.agency_id is None:
        return None
    agency = pack.agencies[service.agency_id]
    if agency.kind == "wilayah" and area_code is None:
        return None
    return agency.id
