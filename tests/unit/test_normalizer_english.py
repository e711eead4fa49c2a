"""English: words to service, mixed with Indonesian ones, misspelled, folded; and ordinary English is no report."""

import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.pack import load_pack
from normalizer.category import guess_service
from normalizer.english import base_forms, without_false_friends
from normalizer.normalize import normalize
from normalizer.text import language_of
from normalizer.wordlists import words

PACK_PATH = Path(__file__).resolve().parents[2] / "config" / "jakarta"
PACK = load_pack(PACK_PATH)


def service(text: str) -> str | None:
    draft = normalize(text, pack=PACK)
    return draft.service.service_code if draft.service else None


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("There are two deep potholes on the road behind the mall", "jalan_rusak"),
        ("pot hole", "jalan_rusak"),
        ("The asphalt is cracked and sinking near the bridge", "jalan_rusak"),
        ("bumpy and uneven road, my scooter almost fell", "jalan_rusak"),
        ("Broken sidewalk tiles, my mother tripped yesterday", "trotoar"),
        ("motorbikes on the sidewalk every morning", "trotoar"),
        ("ojol blocking the footpath", "trotoar"),
        ("scooters ride on the pavement, pedestrians have no space", "trotoar"),
        ("The curb ramp is too steep for a wheelchair", "trotoar"),
        ("The railing of the pedestrian bridge is rusty", "jembatan_jpo"),
        ("JPO escalator has not been working for a month", "jembatan_jpo"),
        ("the street light in front of my kos has been dead for 2 weeks", "lampu_jalan"),
        ("street light out", "lampu_jalan"),
        ("All the lamp posts along our alley are off, it's pitch black", "lampu_jalan"),
        ("streetlights flicker all night", "lampu_jalan"),
        ("The lights on our street aren't working", "lampu_jalan"),
        ("cable dangling low", "kabel_utilitas"),
        ("messy wires hanging across the alley at head height", "kabel_utilitas"),
        ("A telephone pole is leaning towards my house", "kabel_utilitas"),
        ("They dug up the road for fibre and left an open trench", "galian_proyek"),
        ("the contractor left gravel and rubble after the road works", "galian_proyek"),
        ("floods knee deep", "banjir"),
        ("Our lane is under water, it is up to my waist", "banjir"),
        ("Street floods every time it rains", "banjir"),
        ("smelly clogged gutter", "saluran"),
        ("The manhole cover is missing", "saluran"),
        ("blocked culverts, the ditch is full of mud", "saluran"),
        ("Garbage hasn't been collected for a week", "sampah"),
        ("someone keeps dumping old furniture and mattresses at the corner", "sampah"),
        ("overflowing bins, rubbish everywhere", "sampah"),
        ("fly-tipping on the vacant lot", "sampah"),
        ("burning trash", "bakar_sampah"),
        ("My neighbour burns plastic every evening and the smoke gets into our bedroom", "bakar_sampah"),
        ("The factory releases black smoke and a chemical smell", "pencemaran"),
        ("there's a foul stench, the river turned black", "pencemaran"),
        ("A tree fell and is blocking the road", "pohon"),
        ("Branches hang over the power cables, please trim them", "pohon"),
        ("Swings at the playground are broken", "taman"),
        ("Nobody mows the grass in the park", "taman"),
        ("Somebody asks an illegal fee at my father's grave", "pemakaman"),
        ("illegal parking attendant", "parkir_liar"),
        ("Cars are parked on both sides and block my driveway", "parkir_liar"),
        ("an abandoned van has been sitting here since Lebaran", "parkir_liar"),
        ("The traffic light at the crossing is stuck on red", "lalu_lintas"),
        ("Motorcycles go the wrong way every morning", "lalu_lintas"),
        ("zebra crossing paint has faded", "lalu_lintas"),
        ("Terrible traffic jam caused by the closed lane", "lalu_lintas"),
        ("The bus driver was reckless and skipped our stop", "angkutan_umum"),
        ("Transjakarta is always late and crowded", "angkutan_umum"),
        ("street vendors took over the whole sidewalk", "pkl"),
        ("food stalls on the road every night", "pkl"),
        ("Loud music from the cafe until 3 am, we can't sleep", "ketertiban"),
        ("illegal street racing at midnight", "ketertiban"),
        ("People smoke inside the hospital lobby", "rokok"),
        ("political banners nailed to the trees", "reklame"),
        ("graffitti all over the wall", "reklame"),
        ("My neighbor builds a third floor without a permit", "bangunan"),
        ("House on fire, send a fire engine", "kebakaran"),
        ("there is a cobra in our bathroom", "kebakaran"),
        ("wasps' nest under the roof", "kebakaran"),
        ("stray dog", "hewan"),
        ("A pack of stray dogs bit a child", "hewan"),
        ("a dead cat in the gutter, please take it away", "hewan"),
        ("Beggars with babies at the red light", "ppks"),
        ("a homeless man sleeps on the footbridge", "ppks"),
        ("We never received the social assistance", "bansos"),
        ("the teacher hit my son at school", "kjp_pendidikan"),
        ("The school charges illegal fees", "kjp_pendidikan"),
        ("The clinic refused my mother, no doctor on duty", "kesehatan"),
        ("please do fogging, two neighbours have dengue", "dbd"),
        ("My identity card still isn't printed", "kependudukan"),
        ("how do I get a birth certificate for my baby", "kependudukan"),
        ("the company hasn't paid our salaries", "ketenagakerjaan"),
        ("The elevator of our flats is broken again", "rusun"),
        ("water from PAM is brown", "air_bersih"),
        ("No running water since Monday", "air_bersih"),
        ("A burst pipe, clean water is gushing out", "air_bersih"),
        ("Power outage in our block since 7 pm", "listrik"),
        ("the transformer exploded and we have no electricity", "listrik"),
        ("The free wifi doesn't connect", "internet"),
        ("How long does a business permit take, I applied in May", "perizinan"),
        ("My property tax bill is wrong", "pajak"),
        ("The roof of the traditional market leaks on the stalls", "umkm_pasar"),
        ("an officer asked me for money to speed it up", "petugas"),
        ("rude staff", "petugas"),
        ("the kelurahan office was closed at 10", "layanan_kelurahan"),
        ("my neighbor beats his wife", "kekerasan"),
        ("a man groped me on the train", "kekerasan"),
        ("my motorbike was stolen last night", "kriminal"),
        ("teenagers fight with machetes", "kriminal"),
        ("city-owned land is occupied by a private company", "aset"),
        ("entrance tickets of the museum are too expensive", "wisata_hiburan"),
        ("basketball hoops at the sports hall are broken", "olahraga_budaya"),
        ("the public toilet is locked", "fasum"),
    ],
)
def test_english_reports_find_their_service(text: str, code: str) -> None:
    assert service(text) == code


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("min the got in front of my kos is clogged, bau banget", "saluran"),
        ("lampu jalan dead since last week, gang jadi dark banget", "lampu_jalan"),
        ("tolong fix the pothole di depan rumah", "jalan_rusak"),
        ("PAM water keruh and smelly since yesterday", "air_bersih"),
        ("sampah not picked up sudah 2 minggu", "sampah"),
        ("tukang parkir asking 10k, no ticket, parkir liar", "parkir_liar"),
        ("banjir knee deep in gang 3", "banjir"),
        ("kabel hanging low, bahaya buat motor", "kabel_utilitas"),
    ],
)
def test_english_mixed_with_indonesian_finds_its_service(text: str, code: str) -> None:
    assert service(text) == code


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("brokn sidwalk", "trotoar"),
        ("gutters full of mud", "saluran"),
        ("the drian is cloged", "saluran"),
        ("garbge pile", "sampah"),
        ("trafic lite not working", "lalu_lintas"),
        ("grafiti on the school wall", "reklame"),
        ("kerbs are broken", "trotoar"),
        ("moskitos everywhere", "dbd"),
    ],
)
def test_typos_and_other_spellings_do_not_matter(text: str, code: str) -> None:
    assert service(text) == code


@pytest.mark.parametrize(
    "text",
    [
        "I just got home and had the best dinner with my friends",
        "He got married to a nice girl from another town",
        "Have you seen the new movie? It was fun and not too long",
        "We will meet you there around noon, see you then",
        "Can you tell me what time it is over there",
        "My brother moved abroad and he likes it",
    ],
)
def test_ordinary_english_is_no_service(text: str) -> None:
    assert service(text) in {None, "bukan_aduan"}


@pytest.mark.parametrize(
    ("word", "base"),
    [
        ("puddles", "puddle"),
        ("branches", "branch"),
        ("buses", "bus"),
        ("batteries", "battery"),
        ("overflowing", "overflow"),
        ("dangling", "dangle"),
        ("clogged", "clog"),
        ("leaked", "leak"),
        ("carried", "carry"),
        ("sidwalks", "sidewalk"),
        ("kerbs", "curb"),
    ],
)
def test_plurals_endings_and_typos_lead_to_the_word(word: str, base: str) -> None:
    assert base in base_forms(word)


@pytest.mark.parametrize("word", ["glass", "status", "this", "ring", "bed", "got", "banjir"])
def test_words_without_an_ending_stay(word: str) -> None:
    assert base_forms(word) == []


@given(st.text())
def test_any_word_has_base_forms(word: str) -> None:
    assert all(len(form) > 2 for form in base_forms(word))


def test_the_english_verb_got_is_no_drain() -> None:
    assert without_false_friends(["i", "got", "home"]) == ["i", "", "home"]
    assert without_false_friends(["the", "got", "is", "clogged"]) == ["the", "got", "is", "clogged"]
    assert without_false_friends(["got", "in", "front"]) == ["got", "in", "front"]


def test_no_english_phrase_is_written_with_a_plural_that_would_hide_the_singular() -> None:
    words = {
        word
        for phrases in tomllib.loads((PACK_PATH / "words" / "en.toml").read_text(encoding="utf-8")).values()
        for phrase in phrases
        for word in phrase.split()
    }
    meant = {
        "parks",
        "leaves",
        "stairs",
        "gas",
        "smokes",
        "works",
        "burns",
        "needs",
        "sports",
        "goods",
        "fumes",
        "news",
    }
    hidden = {word for word in words - meant if word.endswith("s") and words & set(base_forms(word))}
    assert hidden == set()


def test_an_english_service_keeps_its_alternatives() -> None:
    first, others = guess_service(PACK, ["garbage", "thrown", "into", "the", "drain"])
    assert {guess.service_code for guess in (first, *others) if guess} >= {"sampah", "saluran"}


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("pothole", "en"),
        ("street light out", "en"),
        ("Overflowing bin", "en"),
        ("The air smells of burnt plastic tonight", "en"),
        ("the got in front of my kos is clogged", "en"),
        ("https://example.org/yang/di/sini broken swing", "en"),
        ("banjir", "id"),
        ("kabel menjuntai", "id"),
        ("pengangkutan terlambat", "id"),
        ("min tolong fix lampu jalan di gang kami", "id"),
        ("uripku angel, dalane rusak akeh lubang", "id"),
        ("RT 05 RW 02 Cipete", "id"),
        ("Manggarai", "id"),
        ("路灯不亮", "other"),
        ("街灯が切れています", "other"),
        ("عمود الإنارة معطل", "other"),
        ("Фонарь не горит", "other"),
        ("De stoep is kapot, het is gevaarlijk voor kinderen", "other"),
        ("Le lampadaire est en panne depuis trois jours dans notre rue", "other"),
        ("Die Strasse ist nicht beleuchtet und das ist gef\u00e4hrlich", "other"),
        ("Hindi po nakolekta ang basura dito sa amin", "other"),
    ],
)
def test_the_language_of_short_mixed_and_foreign_texts_is_told(text: str, language: str) -> None:
    assert language_of(text) == language


def test_no_word_votes_for_two_languages() -> None:
    english, indonesian, other = words("english"), words("indonesian"), words("other_languages")
    assert not english & indonesian
    assert not other & (english | indonesian)
