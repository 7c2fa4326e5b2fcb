"""Who is in the demo: two clinics in two time zones, those who work there, and the people they care for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta

from allauth.account.models import EmailAddress
from django.contrib.auth.models import Group

from careops.access.actor import Actor
from careops.access.models import User
from careops.demo.past import back_then
from careops.lib import clock
from patients.models import CareTeam, CareTeamMember, Clinic, Patient, Practitioner

#: Everybody's, in the demo. It refuses to be reached from anywhere but this machine.
PASSWORD = "clinic-demo-2026"  # noqa: S105  (public on purpose)

#: Name → what they may do, who they are.
STAFF = {
    "nia": ("front desk", "Nia", "Ncube"),
    "omar": ("clinician", "Omar", "Okafor"),
    "lena": ("lab tech", "Lena", "Lund"),
    "pia": ("pharmacist", "Pia", "Park"),
    "olga": ("ops admin", "Olga", "Orlova"),
    "sam": ("security admin", "Sam", "Silva"),
}

#: Clinic → its time zone, its phone, and where its patients live: city, state, postal code, area code.
CLINICS = {
    "Harbor Health Portland": ("America/New_York", "+1 207 555 0100", ("Portland", "ME", "04101", "207")),
    "Harbor Health Denver": ("America/Denver", "+1 303 555 0100", ("Denver", "CO", "80205", "303")),
}
STREETS = ("Congress Street", "Harbor View", "Maple Avenue", "Fore Street", "Larimer Street", "Elm Court")

#: Clinic, name, credentials, specialty, NPI.
PRACTITIONERS = (
    (0, "Omar Okafor", "MD", "Internal medicine", "1234567893"),
    (0, "Grace Lindqvist", "NP", "Dermatology", "1003116278"),
    (0, "Hiro Tanaka", "PT", "Physical therapy", "1144208539"),
    (1, "Maya Castellanos", "MD", "Endocrinology", "1568721397"),
    (1, "Tom Whitehorse", "PA", "Family medicine", "1188472033"),
)
#: Clinic, name, its members by their place above.
CARE_TEAMS = (
    (0, "Portland primary care", (0, 1)),
    (0, "Portland rehabilitation", (0, 2)),
    (1, "Denver metabolic health", (3, 4)),
)

#: First name, last name, sex and age. The 39- and the 40-year-old stand on either side of the lab automation.
PEOPLE = """
Ada Abara f66, Ben Bauer m36, Carla Conti f39, Dmitri Danilov m40, Elif Erdem f71, Femi Falana m28,
Greta Gruber f52, Hassan Haddad m45, Ines Ibarra f33, Jonas Jansen m68, Keiko Kimura f58, Liam Lynch m24,
Mei Ma f41, Noah Novak m63, Olivia Ortega f19, Pavel Petrov m77, Qing Qiu f35, Rosa Romero f82,
Samir Saleh m49, Tara Thapa f30, Uma Udayan f55, Viktor Vasquez m61, Wanda Wojcik f74, Xiomara Xavier f27,
Yusuf Yilmaz m38, Zoe Zimmer f44, Aaron Adeyemi m51, Bianca Bellini f65, Caleb Chen m22, Dana Dubois f47,
Emil Eriksen m59, Fatima Farouk f34, Gabriel Gomez m70, Hana Horvat f26, Isaac Ito m43, Jada Johnson f31,
Karim Khan m56, Lucia Lombardi f79, Marcus Moore m64, Nadia Nazari f37, Oscar Olsen m88, Priya Patel f42,
Quentin Quill m53, Ruth Rosen f67, Stefan Sokolov m29, Thandi Tshabalala f46, Ugo Uzoma m60, Vera Volkova f73,
Walter Weiss m48, Ximena Ybarra f25, Yara Youssef f50, Zane Zapata m32, Amara Achebe f57, Bruno Barbosa m69,
Chloe Cohen f23, Diego Delgado m54, Esther Engel f85, Frank Fischer m62, Giulia Greco f40, Henry Hughes m75,
Irina Ivanova f39, Jamal Jackson m21, Kirsten Kruger f49, Leo Laurent m66, Marta Mazur f45, Nils Nyberg m30,
Odette Okoye f61, Paolo Pinto m37, Rania Rahman f53, Simon Schmidt m80, Talia Torres f20, Ulrich Ude m72,
"""


@dataclass(frozen=True, slots=True)
class Cast:
    """Everybody the rest of the demo speaks of. ``staff`` are actors, by first name in lower case."""

    staff: dict[str, Actor]
    practitioners: list[Practitioner]
    teams: list[CareTeam]
    patients: list[Patient]

    def active(self) -> list[Patient]:
        return [patient for patient in self.patients if patient.state == Patient.State.ONBOARDED]


def exists() -> bool:
    """Everything is made in one transaction: where a clinic stands, all the rest does."""
    return Clinic.objects.filter(name__in=CLINICS).exists()


def logins() -> Iterator[tuple[str, str]]:
    """Address → what one sees with it."""
    for name, (role, *_who) in STAFF.items():
        yield f"{name}@demo.careops.example", role
    yield "root@demo.careops.example", "everything"
    yield "ada.abara@example.com", "patient"


def seed() -> Cast:
    staff = {name: Actor.of(_member(name, *who)) for name, who in STAFF.items()}
    staff["root"] = Actor.of(_user("root@demo.careops.example", is_staff=True, is_superuser=True))
    with back_then(days=400, by=staff["olga"]):
        practitioners, teams = _organisation(staff["omar"])
    patients = [_patient(place, who, practitioners, teams, staff) for place, who in enumerate(_everybody())]
    _sign_in(patients[0])
    _endings(patients, staff)
    return Cast(staff, practitioners, teams, [Patient.objects.get(pk=patient.pk) for patient in patients])


def _member(name: str, role: str, first_name: str, last_name: str) -> User:
    address = f"{name}@demo.careops.example"
    user = _user(address, first_name=first_name, last_name=last_name, is_staff=True)
    user.groups.add(Group.objects.get(name=role))
    return user


def _user(email: str, **fields: object) -> User:
    user = User.objects.create_user(email, PASSWORD, timezone="America/New_York", **fields)
    EmailAddress.objects.create(user=user, email=email, verified=True, primary=True)
    return user


def _organisation(omar: Actor) -> tuple[list[Practitioner], list[CareTeam]]:
    clinics = [
        Clinic.objects.create(name=name, timezone=zone, phone=phone, sender_email="hello@harbor.example")
        for name, (zone, phone, _place) in CLINICS.items()
    ]
    practitioners = []
    for clinic, name, credentials, specialty, npi in PRACTITIONERS:
        first, last = name.split()
        practitioners.append(
            Practitioner.objects.create(
                first_name=first, last_name=last, credentials=credentials, specialty=specialty, npi=npi,
                clinic=clinics[clinic], user=omar.user if first == "Omar" else None,
                email=f"{first}.{last}@harbor.example".lower(),
            )
        )  # fmt: skip
    teams = []
    for clinic, name, members in CARE_TEAMS:
        team = CareTeam.objects.create(name=name, clinic=clinics[clinic])
        CareTeamMember.create_many(
            [CareTeamMember(care_team=team, practitioner=practitioners[n]) for n in members]
        )
        teams.append(team)
    return practitioners, teams


def _everybody() -> Iterator[tuple[str, str, str, int]]:
    for person in PEOPLE.replace("\n", " ").split(",")[:-1]:
        first, last, sex_and_age = person.split()
        yield first, last, {"f": "female", "m": "male"}[sex_and_age[0]], int(sex_and_age[1:])


def _patient(
    place: int,
    who: tuple[str, str, str, int],
    practitioners: list[Practitioner],
    teams: list[CareTeam],
    staff: dict[str, Actor],
) -> Patient:
    """Registered some time ago and onboarded soon after; the last few have only just been registered."""
    first, last, sex, age = who
    practitioner = practitioners[place % len(practitioners)]
    team = next(team for team in teams if team.clinic_id == practitioner.clinic_id)
    _zone, _phone, (city, region, code, area) = CLINICS[practitioner.clinic.name]
    registered, born = 380 - 5 * place, _born(age, place)
    with back_then(days=registered, by=staff["nia"]):
        patient = Patient.objects.create(
            first_name=first, last_name=last, sex=sex, birth_date=born,
            email=f"{first}.{last}@example.com".lower(), phone=f"+1 {area} 555 {100 + place:04}",
            street=f"{12 + 7 * place} {STREETS[place % len(STREETS)]}", city=city, region=region, zip=code,
            clinic=practitioner.clinic, practitioner=practitioner, care_team=team,
        )  # fmt: skip
    if registered > 30:
        with back_then(days=registered - 2, by=staff["nia"]):
            patient = patient.perform("onboard", by=staff["nia"])
    return patient


def _born(age: int, place: int) -> date:
    """Today they are that old, and it is nobody's birthday this month."""
    today = clock.now().date()
    return date(today.year - age, today.month, 1) - timedelta(days=40 + 11 * (place % 20))


def _sign_in(patient: Patient) -> None:
    """One patient has an account of their own."""
    patient.user = _user(patient.email, first_name=patient.first_name, last_name=patient.last_name)
    with back_then(days=60, by=Actor.system()):
        patient.save()


def _endings(patients: list[Patient], staff: dict[str, Actor]) -> None:
    """Some moved away, one died, one turned out to be registered twice."""
    for place, days in ((11, 12), (23, 33), (35, 90)):
        with back_then(days=days, by=staff["omar"]):
            patients[place].perform("deactivate", by=staff["omar"])
    with back_then(days=21, by=staff["omar"]):
        died = clock.now().date() - timedelta(days=2)
        patients[40].perform("record_death", by=staff["omar"], deceased_on=died)
    with back_then(days=5, by=staff["olga"]):
        patients[64].perform("merge", by=staff["olga"], into=patients[24])
