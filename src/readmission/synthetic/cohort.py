"""Draws a synthetic cohort: any number of encounters with the real schema, made without any real row.

The parameters (``parameters.json``, made by ``fit``) are a network of conditional frequencies, a logistic model of the
outcome, and the shares of patients who come back. A patient is followed from encounter to encounter. Most readmissions
therefore have their next encounter in the cohort, as in the real data. The cohort is for trying the platform and has no
clinical meaning.
"""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from readmission.domain.medication import DERIVED, DRUG_NAMES, medication_numbers
from readmission.domain.schema import COLUMN, NAME_OF_RAW, RAW_NAMES, READMITTED
from readmission.synthetic.network import Columns, Integers, LogisticModel, Network, Readable, load_network

# no real patient has more encounters than this
MAX_ENCOUNTERS = 40
MINUTES_OF_DAY = 24 * 60
# ten years of admissions
DAYS_OF_STUDY = 3_652
LONGEST_GAP_DAYS = 1_000
LARGEST_ENCOUNTER_ID = 443_867_222
LARGEST_PATIENT_NBR = 189_502_619
# discharge dispositions of death: their outcome is always NO (hospice patients are sometimes readmitted)
DEATH = (11, 19, 20, 21)


def cohort(rows: int, seed: int) -> dict[str, Readable]:
    """Draw ``rows`` encounters in order of admission, as columns by ``RAW_NAMES``.

    Integer columns are int64 arrays; the others are object arrays of str or None. The same ``rows`` and ``seed`` give
    the same cohort on every machine, because all draws come from uniform numbers of PCG64.
    """
    return dict(cohort_columns(rows, seed))


def cohort_columns(rows: int, seed: int) -> Iterator[tuple[str, Readable]]:
    """The columns of :func:`cohort` one by one, for callers that cannot hold all of them in memory."""
    network = load_network()
    stays = draw(network, rows, seed)
    for raw_name in RAW_NAMES:
        name = NAME_OF_RAW[raw_name]
        yield raw_name, network.readable(name, stays[name])


def draw(network: Network, rows: int, seed: int) -> Columns:
    """Draw ``rows`` encounters in order of admission. Categories are held as positions (see ``Columns``)."""
    random = np.random.Generator(np.random.PCG64(seed))
    stays = _first_rows_by_patient(_chains(network, rows, random), rows)
    stays = _take(stays, np.argsort(stays["minute"], kind="stable"))
    stays["encounter_id"] = _growing(rows, LARGEST_ENCOUNTER_ID, random)
    stays["patient_nbr"] = _growing(rows, LARGEST_PATIENT_NBR, random)[stays["patient"]]
    return stays


def _chains(network: Network, patients: int, random: np.random.Generator) -> list[Columns]:
    """Draw the first encounters of all patients, then the second encounters of those who come back, and so on."""
    first = _encounters(network, patients, None, random)
    first["patient"] = np.arange(patients, dtype=np.int32)
    first["minute"] = _whole(random.random(patients) * DAYS_OF_STUDY * MINUTES_OF_DAY)
    chains = [first]
    while len(chains) < MAX_ENCOUNTERS:
        previous = _take(chains[-1], _comes_back(network, chains[-1], random))
        count = len(previous["patient"])
        if not count:
            break
        following = _encounters(network, count, previous, random)
        following["patient"] = previous["patient"]
        following["minute"] = previous["minute"] + _gap(previous["readmitted"], random)
        chains.append(following)
    return chains


def _encounters(network: Network, count: int, previous: Columns | None, random: np.random.Generator) -> Columns:
    """Draw one encounter for each of ``count`` patients, given their previous encounters."""
    drawn: Columns = {}
    stays = np.zeros(count, dtype=bool)
    for node in network.nodes:
        if previous is None:
            drawn[node.name] = node.draw(drawn, count, random)
        elif node.name == "number_inpatient":
            change = network.number_inpatient_change.draw(previous, count, random)
            drawn[node.name] = np.maximum(previous[node.name] + change, 0)
        else:
            if node.kept is not None:
                stays = random.random(count) < node.kept
            drawn[node.name] = np.where(stays, previous[node.name], node.draw(drawn, count, random))
    drawn |= _derived(drawn)
    drawn["readmitted"] = _outcome(network, drawn, count, random)
    return drawn


def _derived(drawn: Columns) -> Columns:
    """The columns that the drugs determine, as in every real row."""
    numbers = medication_numbers(np.column_stack([drawn[name] for name in DRUG_NAMES]))
    return dict(zip(DERIVED, numbers.T, strict=True))


def _outcome(network: Network, drawn: Columns, count: int, random: np.random.Generator) -> Integers:
    """Draw the outcomes, as positions in ``READMITTED``."""
    readmitted = random.random(count) < _probability(network.any_readmission, drawn)
    soon = random.random(count) < _probability(network.within_30_days, drawn)
    outcome = np.where(readmitted, np.where(soon, READMITTED.index("<30"), READMITTED.index(">30")), 0)
    return np.where(_died(drawn), READMITTED.index("NO"), outcome)


def _probability(model: LogisticModel, drawn: Columns) -> npt.NDArray[np.float64]:
    return 1 / (1 + np.exp(-model.logit(drawn)))


def _died(drawn: Columns) -> npt.NDArray[np.bool_]:
    dispositions = COLUMN["discharge_disposition_id"].values
    return np.isin(drawn["discharge_disposition_id"], [dispositions.index(code) for code in DEATH])


def _comes_back(network: Network, stays: Columns, random: np.random.Generator) -> Integers:
    """Positions of the encounters that have a next one in the cohort."""
    share = network.comes_back[stays["readmitted"]]
    return np.flatnonzero((random.random(len(share)) < share) & ~_died(stays))


def _gap(readmitted: Integers, random: np.random.Generator) -> Integers:
    """Draw the minutes until the next admission, in the range of the outcome. Short times are more frequent."""
    uniform = random.random(len(readmitted))
    soon = 30 * uniform
    late = 30 + (LONGEST_GAP_DAYS - 30) * uniform * uniform
    return _whole(np.where(readmitted == READMITTED.index("<30"), soon, late) * MINUTES_OF_DAY)


def _first_rows_by_patient(chains: list[Columns], rows: int) -> Columns:
    """The first ``rows`` encounters, sorted by patient and then by time."""
    patient = np.concatenate([stays["patient"] for stays in chains])
    chosen = np.argsort(patient, kind="stable")[:rows]
    return {name: np.concatenate([stays[name] for stays in chains])[chosen] for name in chains[0]}


def _take(stays: Columns, positions: Integers) -> Columns:
    return {name: values[positions] for name, values in stays.items()}


def _growing(count: int, largest: int, random: np.random.Generator) -> Integers:
    """Draw ``count`` strictly increasing whole numbers. The last one is usually below ``largest``."""
    steps = max(1, 2 * largest // count)
    return np.cumsum(1 + _whole(random.random(count) * (steps - 1)), dtype=np.int64)


def _whole(values: npt.NDArray[np.float64]) -> Integers:
    return values.astype(np.int32)
