"""The clinics, those who work there, and the patients, who came one after the other."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from itertools import accumulate
from typing import NamedTuple

from careops.demo.crowd.dice import Dice
from careops.demo.crowd.history import History, told, walk
from careops.demo.crowd.names import FAMILIES, MEN, SITES, SPECIALTIES, STREETS, WAYS, WOMEN
from careops.demo.crowd.sheets import Sheet, in_batches
from patients import events
from patients.models import CareTeam, CareTeamMember, Clinic, Patient, Practitioner
from patients.models.patient import ALPHABET

#: How long the clinics have been open.
OPEN_FOR = timedelta(days=3 * 365)
PER_CLINIC = 6
TEAMS = ("primary care", "chronic care")

#: Age → how many of a hundred patients are younger than that, but not younger than the line before.
AGES = {2: 2, 12: 4, 18: 4, 30: 13, 45: 20, 65: 29, 75: 16, 85: 9, 97: 3}
LANGUAGES = {"en": 84, "es": 11, "vi": 1, "zh-hans": 2, "fr": 1, "ar": 1}
SEXES = {Patient.Sex.FEMALE: 54, Patient.Sex.MALE: 44, Patient.Sex.OTHER: 1, Patient.Sex.UNKNOWN: 1}
STATES = {
    Patient.State.ONBOARDED: 92.5,
    Patient.State.REGISTERED: 1.5,
    Patient.State.INACTIVE: 5,
    Patient.State.DECEASED: 0.7,
    Patient.State.MERGED: 0.3,
}
#: State → the moves that lead there.
PATHS = {
    Patient.State.REGISTERED: (),
    Patient.State.ONBOARDED: ("onboard",),
    Patient.State.INACTIVE: ("onboard", "deactivate"),
    Patient.State.DECEASED: ("onboard", "record_death"),
    Patient.State.MERGED: ("merge",),
}


class Site(NamedTuple):
    """A clinic, and who works there."""

    id: str
    city: str
    region: str
    zip: str
    area: str
    practitioners: list[str]
    teams: list[str]


class Known(NamedTuple):
    """What the other chapters have to know of a patient."""

    id: str
    since: datetime
    state: str
    site: Site
    practitioner: str
    name: str
    street: str
    phone: str
    zip: str


class People:
    def __init__(self, dice: Dice, history: History, until: datetime) -> None:
        self.dice, self.history, self.until = dice, history, until
        self.opened = until - OPEN_FOR
        self.lives = {state: walk(Patient, moves) for state, moves in PATHS.items()}
        self.ages = list(accumulate(AGES.values()))
        self.sites: list[Site] = []
        self.known: list[Known] = []

    # ── Those who work there ─────────────────────────────────────────────────────────────────────────────
    def open_clinics(self) -> None:
        """A site in each city, with people and two teams of them."""
        stamps = ("created_at", "updated_at")
        clinics, staff, teams, members = (
            Sheet(self.history.copier, model, *stamps)
            for model in (Clinic, Practitioner, CareTeam, CareTeamMember)
        )
        for city, region, zone, post, area in SITES:
            clinic = self._new(clinics, events.CLINIC_CREATED, name=f"Crowd Health {city}", timezone=zone,
                               phone=f"+1 {area} 555 0100")  # fmt: skip
            people = [self._practitioner(staff, clinic, place) for place in range(PER_CLINIC)]
            groups = [
                self._new(teams, events.CARE_TEAM_CREATED, name=f"Crowd {city} {team}", clinic_id=clinic)
                for team in TEAMS
            ]
            for place, one in enumerate(people):
                self._new(members, events.CARE_TEAM_MEMBER_ADDED, care_team_id=groups[place % len(TEAMS)],
                          practitioner_id=one)  # fmt: skip
            self.sites.append(Site(clinic, city, region, post, area, people, groups))
        for sheet in (clinics, staff, teams, members):
            sheet.write()

    def _practitioner(self, sheet: Sheet, clinic: str, place: int) -> str:
        credentials, specialty = SPECIALTIES[place % len(SPECIALTIES)]
        first, last = self.dice.choice(WOMEN if place % 2 else MEN), self.dice.choice(FAMILIES)
        return self._new(sheet, events.PRACTITIONER_CREATED, first_name=first, last_name=last, clinic_id=clinic,
                         credentials=credentials, specialty=specialty)  # fmt: skip

    def _new(self, sheet: Sheet, event: object, **row: object) -> str:
        pk, at = self.dice.uuid(self.opened), self.opened
        sheet.add(id=pk, created_at=at, updated_at=at, **row)
        self.history.tell([told(event)], [at], pk, None)
        return pk

    # ── Those they care for ──────────────────────────────────────────────────────────────────────────────
    def register(self, count: int):
        """Write so many patients, in the order in which they came; yields how many, again and again."""
        sheet = Sheet(self.history.copier, Patient, "created_at", "updated_at")
        span = (self.until - self.opened) / count if count else None
        for batch in in_batches(count):
            for place in batch:
                self._patient(sheet, place, self.opened + span * (place + self.dice.random()))
            sheet.write()
            self.history.write()
            yield len(batch)

    def _patient(self, sheet: Sheet, place: int, since: datetime) -> None:
        dice, pk = self.dice, self.dice.uuid(since)
        sex = dice.weighted(SEXES)
        first = dice.frequent(MEN if sex == Patient.Sex.MALE else WOMEN)
        last = dice.frequent(FAMILIES)
        state, survivor = self._state(since)
        moments = self._moments(state, since)
        site = dice.frequent(self.sites)
        practitioner = dice.choice(site.practitioners)
        street = f"{dice.randint(1, 1999)} {dice.choice(STREETS)} {dice.choice(WAYS)}"
        phone = f"+1 {site.area} 555 {dice.randrange(10_000):04}"
        post = f"{site.zip}{dice.randrange(100):02}"
        sheet.add(
            id=pk, created_at=since, updated_at=moments[-1], version=len(moments), mrn=mrn(place), first_name=first,
            last_name=last, birth_date=self._born(), sex=sex, language=dice.weighted(LANGUAGES), phone=phone,
            email=f"{first}.{last}.{place}@mail.example".lower() if dice.random() < 0.93 else "",
            street=street, city=site.city, region=site.region, zip=post, clinic_id=site.id,
            practitioner_id=practitioner, care_team_id=dice.choice(site.teams), state=state,
            deceased_on=moments[-1].date() if state == Patient.State.DECEASED else None, merged_into_id=survivor,
        )  # fmt: skip
        self.history.tell(self.lives[state], moments, pk, pk)
        self.known.append(Known(pk, since, state, site, practitioner, f"{first} {last}", street, phone, post))

    def _state(self, since: datetime) -> tuple[str, str | None]:
        """Where the patient stands today; and, for one registered twice, the record that was kept."""
        state = self.dice.weighted(STATES)
        if state == Patient.State.MERGED:
            kept = self.dice.choice(self.known) if self.known else None
            if kept is None or kept.state == Patient.State.MERGED:
                state = Patient.State.ONBOARDED
            else:
                return state, kept.id
        if self.until - since < timedelta(days=3):
            state = Patient.State.REGISTERED
        return state, None

    def _moments(self, state: str, since: datetime) -> list[datetime]:
        moments = [since]
        for _move in PATHS[state]:
            moments.append(self.dice.between(moments[-1], min(moments[-1] + OPEN_FOR / 4, self.until)))
        return moments

    def _born(self) -> date:
        place = self.dice.random() * self.ages[-1]
        youngest = 0
        for oldest, passed in zip(AGES, self.ages, strict=True):
            if place < passed:
                break
            youngest = oldest
        days = self.dice.uniform(youngest, oldest) * 365.25
        return (self.until - timedelta(days=days + 1)).date()


def mrn(place: int) -> str:
    """The record number of the patient at that place: each is another one, and none tells its neighbours'."""
    scrambled = (place * 0x9E3779B1 + 0x5DEECE66D) % 32**8
    letters = "".join(ALPHABET[scrambled >> 5 * digit & 31] for digit in range(8))
    return f"{letters[:4]}-{letters[4:]}"
