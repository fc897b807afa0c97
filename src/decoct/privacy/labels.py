"""What spans are called, and which of them are protected health information.

Source: the identifiers of the HIPAA Safe Harbor method, 45 CFR 164.514(b)(2)(i), under the names
that the field gives them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import Field

from decoct.config import Settings, check, read_toml
from decoct.errors import ConfigError
from decoct.registry import nearest

NAME = "NAME"
LOCATION = "GEOGRAPHIC_LOCATION"
DATE = "DATE"
AGE = "AGE"
PHONE = "PHONE_NUMBER"
FAX = "FAX_NUMBER"
EMAIL = "EMAIL_ADDRESS"
SSN = "SOCIAL_SECURITY_NUMBER"
RECORD = "MEDICAL_RECORD_NUMBER"
URL = "WEB_URL"
IP = "IP_ADDRESS"
OTHER = "UNIQUE_IDENTIFIER"
PHI_LABELS = (
    *(NAME, LOCATION, DATE, PHONE, FAX, EMAIL, SSN, RECORD),
    *("HEALTH_PLAN_BENEFICIARY_NUMBER", "ACCOUNT_NUMBER", "CERTIFICATE_LICENSE_NUMBER"),
    *("VEHICLE_IDENTIFIER", "DEVICE_IDENTIFIER", URL, IP, "BIOMETRIC_IDENTIFIER"),
    *("PHOTOGRAPHIC_IMAGE", OTHER, AGE),
)

# other corpora's words for them: i2b2 2006 and 2014, n2c2, spaCy's, Stanford's
_ALIASES = {
    NAME: "person per patient doctor staff name clinician physician nurse hcw relative "
    "patient_name doctor_name first_name last_name family_name given_name 姓名",
    LOCATION: "location loc gpe fac facility hospital clinic organization organisation org city "
    "town village state province county country street address zip zipcode postcode "
    "postal_code location_other room ward department geographic_location 地址 医院",
    DATE: "date time date_time datetime dob date_of_birth birth_date admission_date day month "
    "year 日期",
    AGE: "age age_over_89 年龄",
    PHONE: "phone telephone tel mobile phone_number cell 电话",
    FAX: "fax fax_number",
    EMAIL: "email e_mail mail email_address 邮箱",
    SSN: "ssn social_security",
    RECORD: "mrn medicalrecord medical_record record_number medical_record_number 病历号",
    "HEALTH_PLAN_BENEFICIARY_NUMBER": "healthplan health_plan insurance insurance_number policy",
    "ACCOUNT_NUMBER": "account bank_account iban credit_card",
    "CERTIFICATE_LICENSE_NUMBER": "license licence license_number certificate dea npi "
    "driver_license",
    "VEHICLE_IDENTIFIER": "vehicle vin license_plate",
    "DEVICE_IDENTIFIER": "device serial serial_number imei",
    URL: "url web website uri",
    IP: "ip ipaddr ip_addr",
    "BIOMETRIC_IDENTIFIER": "bioid biometric fingerprint",
    "PHOTOGRAPHIC_IMAGE": "photo photograph image",
    OTHER: "id idnum id_number identifier other_id username user passport national_id id_card "
    "身份证",
}
# what decoct's own tasks and the usual biomedical corpora mark, none of which is PHI
_NOT_PHI = (
    "drug effect dose dosage ade adverseeffect adverse_effect disease disorder diagnosis gene "
    "protein chemical variant mutation species cell_line cell_type symptom sign body_part anatomy "
    "procedure test treatment problem medication frequency route duration strength form reason "
    "finding indication sentence section"
)


class _Table(Settings):
    """A TOML file of `--labels`: `[labels]` name = type, and `keep`, names that are no PHI."""

    labels: dict[str, str] = Field(default_factory=dict)
    keep: tuple[str, ...] = ()


def _folded(label: str) -> str:
    return re.sub(r"[\W_]+", "", label.casefold())


@dataclass(frozen=True, slots=True)
class Labels:
    """A table from the names of spans to the types of PHI.

    Upper and lower case, spaces, `-` and `_` make no difference.

    Attributes:
        types: folded name -> type, over the built-in table.
        keep: folded names that are no PHI, over both.
    """

    types: Mapping[str, str] = field(default_factory=dict)
    keep: frozenset[str] = frozenset()

    @classmethod
    def of(
        cls, types: Mapping[str, str], keep: Iterable[str] = (), where: str = "labels"
    ) -> Labels:
        """Check a table.

        Args:
            types: name -> type of PHI.
            keep: names that are no PHI.
            where: file, for messages.

        Raises:
            ConfigError: a type is none that is known.
        """
        for name, kind in types.items():
            if kind not in PHI_LABELS:
                meant = nearest(kind, PHI_LABELS)
                raise ConfigError(
                    f"{where}: labels.{name}: {kind!r} is no type of PHI{meant}; "
                    f"known: {', '.join(PHI_LABELS)}"
                )
        folded = {_folded(name): kind for name, kind in types.items()}
        return cls(folded, frozenset(map(_folded, keep)))

    @classmethod
    def read(cls, path: Path | None, keep: Iterable[str] = ()) -> Labels:
        """Read a TOML file with `[labels]` (name = type) and `keep` (a list of names).

        Args:
            path: the file; None for the built-in table.
            keep: more names that are no PHI.

        Raises:
            StoreError: the file can't be read.
            ConfigError: it is not TOML, or not such a table.
        """
        if path is None:
            return cls.of({}, keep)
        table = check(_Table, read_toml(path), str(path))
        return cls.of(table.labels, (*table.keep, *keep), str(path))

    def type_of(self, label: str) -> str | None:
        """Return the type of PHI that a span of that label is; None for what is no PHI.

        A name in no table is taken for `UNIQUE_IDENTIFIER`: better too much than too little.
        """
        name = _folded(label)
        if name in self.keep:
            return None
        found = self.types.get(name) or _BUILT_IN.get(name)
        if found:
            return found
        return None if name in _KEPT else OTHER

    def is_known(self, label: str) -> bool:
        """Whether a table names the label."""
        name = _folded(label)
        return any(name in table for table in (self.keep, self.types, _BUILT_IN, _KEPT))


_BUILT_IN = {
    _folded(name): kind for kind, names in _ALIASES.items() for name in (kind, *names.split())
}
_BUILT_IN |= {_folded(kind): kind for kind in PHI_LABELS}
_KEPT = frozenset(map(_folded, _NOT_PHI.split()))
