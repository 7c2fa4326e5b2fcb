"""What people, places and products are called. Earlier names are more frequent, as in any telephone book."""

from __future__ import annotations


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


WOMEN = _words("""
Mary Jennifer Linda Patricia Elizabeth Maria Susan Jessica Sarah Karen Lisa Nancy Sandra Ashley Emily Kimberly Donna
Michelle Carol Amanda Melissa Deborah Stephanie Rebecca Laura Sharon Cynthia Kathleen Amy Angela Shirley Anna Brenda
Pamela Emma Nicole Helen Samantha Katherine Christine Rachel Carolyn Janet Catherine Olivia Heather Diane Julie Joyce
Victoria Kelly Christina Joan Evelyn Lauren Judith Megan Andrea Cheryl Hannah Guadalupe Priya Mei Fatima Yuki Amara
Ingrid Leila Rosa Thi Sofia Aisha Carmen Ngozi Hye-jin Svetlana Esperanza Chiamaka Noor Lakshmi Zofia Marisol Keiko
""")

MEN = _words("""
James Michael Robert John David William Richard Joseph Thomas Christopher Charles Daniel Matthew Anthony Mark Donald
Steven Andrew Paul Joshua Kenneth Kevin Brian George Timothy Ronald Jason Edward Jeffrey Ryan Jacob Gary Nicholas Eric
Jonathan Stephen Larry Justin Scott Brandon Benjamin Samuel Gregory Alexander Patrick Frank Raymond Jack Dennis Jerry
Tyler Aaron Jose Adam Nathan Henry Zachary Douglas Peter Kyle Juan Carlos Luis Wei Mohammed Raj Hiroshi Kwame Ivan
Omar Diego Minh Emeka Sanjay Mateo Tomasz Yusuf Andrei Chidi Sven Javier Arjun Dmitri Kofi Tariq Alejandro Seung-ho
""")

FAMILIES = _words("""
Smith Johnson Williams Brown Jones Garcia Miller Davis Rodriguez Martinez Hernandez Lopez Gonzalez Wilson Anderson
Thomas Taylor Moore Jackson Martin Lee Perez Thompson White Harris Sanchez Clark Ramirez Lewis Robinson Walker Young
Allen King Wright Scott Torres Nguyen Hill Flores Green Adams Nelson Baker Hall Rivera Campbell Mitchell Carter Roberts
Gomez Phillips Evans Turner Diaz Parker Cruz Edwards Collins Reyes Stewart Morris Morales Murphy Cook Rogers Gutierrez
Ortiz Morgan Cooper Peterson Bailey Reed Kelly Howard Ramos Kim Cox Ward Richardson Watson Brooks Chavez Wood James
Bennett Gray Mendoza Ruiz Hughes Price Alvarez Castillo Sanders Patel Myers Long Ross Foster Jimenez Powell Jenkins
Perry Russell Sullivan Bell Coleman Butler Henderson Barnes Gonzales Fisher Vasquez Simmons Romero Jordan Patterson
Alexander Hamilton Graham Reynolds Griffin Wallace Moreno West Cole Hayes Bryant Herrera Gibson Ellis Tran Medina Aguilar
Stevens Murray Ford Castro Marshall Owens Harrison Fernandez Mcdonald Woods Washington Kennedy Wells Vargas Henry Chen
Freeman Webb Tucker Guzman Burns Crawford Olson Simpson Porter Hunter Gordon Mendez Silva Shaw Snyder Mason Dixon Munoz
Hunt Hicks Holmes Palmer Wagner Black Robertson Boyd Rose Stone Salazar Fox Warren Mills Meyer Rice Schmidt Garza Daniels
Ferguson Nichols Stephens Soto Weaver Ryan Gardner Payne Grant Dunn Kelley Spencer Hawkins Arnold Pierce Hansen Peters
Santos Hart Bradley Knight Elliott Cunningham Duncan Armstrong Hudson Carroll Lane Riley Andrews Alvarado Ray Delgado
Berry Perkins Hoffman Johnston Matthews Pena Richards Contreras Willis Carpenter Lawrence Sandoval O'Brien D'Angelo
Okafor Haddad Novak Kowalski Yamamoto Ibrahim Petrov Lindqvist Papadopoulos Abara Desai Nakamura Zhang Osei Rahman
""")

STREETS = """
Main|Oak|Maple|Cedar|Elm|Washington|Lake|Hill|Walnut|Spring|North|Ridge|Church|Willow|Mill|River|Sunset|Railroad|Cherry
|Jackson|Highland|Forest|Jefferson|Park|Franklin|Lincoln|Meadow|Harbor|Chestnut|Spruce
""".replace("\n", "").split("|")
WAYS = ("Street", "Avenue", "Road", "Lane", "Drive", "Court")

#: City, state, time zone, the first three digits of its postal codes, area code.
SITES = (
    ("Portland", "ME", "America/New_York", "041", "207"),
    ("Boston", "MA", "America/New_York", "021", "617"),
    ("Cleveland", "OH", "America/New_York", "441", "216"),
    ("Austin", "TX", "America/Chicago", "787", "512"),
    ("Minneapolis", "MN", "America/Chicago", "554", "612"),
    ("Denver", "CO", "America/Denver", "802", "303"),
    ("Phoenix", "AZ", "America/Phoenix", "850", "602"),
    ("Sacramento", "CA", "America/Los_Angeles", "958", "916"),
)
SPECIALTIES = (
    ("MD", "Internal medicine"), ("NP", "Family medicine"), ("MD", "Endocrinology"), ("PA", "Dermatology"),
    ("PT", "Physical therapy"), ("DO", "Family medicine"),
)  # fmt: skip

#: Product, price in cents.
PRODUCTS = (
    ("Semaglutide 0.25 mg, four weekly pens", 29900),
    ("Metformin 500 mg, 90 tablets", 2400),
    ("Tretinoin 0.05 % cream, 45 g", 6900),
    ("Finasteride 1 mg, 90 tablets", 4500),
    ("Levothyroxine 50 mcg, 90 tablets", 1900),
    ("Lisinopril 10 mg, 90 tablets", 1500),
    ("Atorvastatin 20 mg, 90 tablets", 2100),
    ("Vitamin D3 2000 IU, 120 capsules", 1900),
    ("Sertraline 50 mg, 90 tablets", 2600),
    ("Tirzepatide 2.5 mg, four weekly pens", 34900),
    ("Estradiol 0.05 mg patch, 8 patches", 5200),
    ("Spironolactone 50 mg, 90 tablets", 2800),
    ("Continuous glucose monitor, two sensors", 8900),
    ("Home blood pressure monitor", 5900),
    ("Minoxidil 5 % solution, 60 ml", 2900),
    ("Albuterol inhaler", 3400),
)

REASONS = (
    "",
    "",
    "",
    "Check-up",
    "Blood pressure",
    "Refill",
    "Knee pain",
    "Skin",
    "Fatigue",
    "Follow-up of results",
)
TASKS = (
    "Call back", "Collect insurance card", "Review the lab results", "Confirm the new address", "Prior authorization",
    "Send records to the specialist", "Check in after the visit", "Schedule the follow-up",
)  # fmt: skip
