from __future__ import annotations

from dataclasses import dataclass, replace
from types import SimpleNamespace

import pytest

from bench.errors import DeviceError
from bench.runner.devices import Gpu, Traits, answers, available, choose, likely_gains, used_mb, worker_environment


class NVMLError(Exception):
    """What the management library raises."""

    def __init__(self, value: int) -> None:
        super().__init__(f"error {value}")
        self.value = value


@dataclass
class Card:
    name: str
    gigabytes: int
    uuid: str
    slices: tuple[Card, ...] = ()
    """Into which it is cut, at every second place."""
    trouble: int = 0
    """With which it answers, instead of anything else."""
    known: bool = True
    """Whether the driver names it when it is in trouble."""
    used: float = 0.0
    """GB."""


class Machine:
    """A management library for a machine with the given cards; None: no driver."""

    NVMLError = NVMLError
    NVML_ERROR_UNKNOWN, NVML_ERROR_GPU_IS_LOST, NVML_ERROR_NOT_FOUND, NVML_ERROR_RESET_REQUIRED = 999, 15, 6, 16
    NVML_DEVICE_MIG_ENABLE = 1

    def __init__(self, *cards: Card, driver: bool = True, slices: tuple[Card, ...] = ()) -> None:
        self.cards = cards
        self.slices = slices
        self.driver = driver
        self.sessions = 0

    def nvmlInit(self) -> None:  # noqa: N802  # the library's own name, as are those below
        if not self.driver:
            raise NVMLError(9)
        self.sessions += 1

    def nvmlShutdown(self) -> None:  # noqa: N802
        self.sessions -= 1

    def nvmlDeviceGetCount(self) -> int:  # noqa: N802
        return len(self.cards)

    def nvmlDeviceGetHandleByIndex(self, index: int) -> Card:  # noqa: N802
        if self.cards[index].trouble and not self.cards[index].known:
            raise NVMLError(self.cards[index].trouble)
        return self.cards[index]

    def nvmlDeviceGetHandleByUUID(self, uuid: str) -> Card:  # noqa: N802
        for card in (*self.cards, *self.slices):
            if card.uuid == uuid:
                return card
        raise NVMLError(6)

    def nvmlDeviceGetName(self, card: Card) -> str:  # noqa: N802
        return card.name

    def nvmlDeviceGetUUID(self, card: Card) -> str:  # noqa: N802
        return card.uuid

    def nvmlDeviceGetMemoryInfo(self, card: Card) -> SimpleNamespace:  # noqa: N802
        if card.trouble:
            raise NVMLError(card.trouble)
        return SimpleNamespace(total=card.gigabytes * 2**30, used=card.used * 2**30)

    def nvmlDeviceGetMigMode(self, card: Card) -> tuple[int, int]:  # noqa: N802
        if card.name == "too old to be cut":
            raise NVMLError(3)
        return int(bool(card.slices)), 0

    def nvmlDeviceGetMaxMigDeviceCount(self, card: Card) -> int:  # noqa: N802
        return 2 * len(card.slices)

    def nvmlDeviceGetMigDeviceHandleByIndex(self, card: Card, place: int) -> Card:  # noqa: N802
        if place % 2:
            raise NVMLError(6)
        return card.slices[place // 2]


CARDS = (Card("A", 24, "GPU-11aa"), Card("B", 48, "GPU-11bb"), Card("C", 80, "GPU-22cc"))
GPUS = tuple(Gpu(index, card.name, float(card.gigabytes), card.uuid) for index, card in enumerate(CARDS))


def names(visible: str | None, *cards: Card, slices: tuple[Card, ...] = ()) -> list[str]:
    machine = Machine(*cards, slices=slices)
    found = available(machine, {} if visible is None else {"CUDA_VISIBLE_DEVICES": visible})
    assert machine.sessions == 0
    assert [gpu.index for gpu in found] == list(range(len(found)))
    return [gpu.name for gpu in found]


def test_every_card_is_available_with_its_memory() -> None:
    assert available(Machine(*CARDS), {}) == GPUS


def test_without_a_driver_there_is_no_gpu() -> None:
    assert available(Machine(driver=False), {}) == ()


def test_the_real_library_can_be_asked_here() -> None:
    assert all(isinstance(gpu, Gpu) for gpu in available())


@pytest.mark.parametrize(
    ("visible", "seen"),
    [
        (None, ["A", "B", "C"]),
        ("", []),
        ("-1", []),
        ("2,0", ["C", "A"]),
        (" 1 , 2 ", ["B", "C"]),
        ("0,-1,2", ["A"]),
        ("0,7,2", ["A"]),
        ("GPU-22", ["C"]),
        ("GPU-11bb,0", ["B", "A"]),
        ("GPU-11", []),  # fits two
        ("MIG-5,1", ["slice", "B"]),
        ("MIG-6,1", []),
    ],
)
def test_cuda_visible_devices_is_read_as_cuda_reads_it(visible: str | None, seen: list[str]) -> None:
    assert names(visible, *CARDS, slices=(Card("slice", 10, "MIG-5"),)) == seen


CUT = Card("whole", 80, "GPU-55", slices=(Card("first", 40, "MIG-1"), Card("second", 40, "MIG-2")))


@pytest.mark.parametrize(
    ("visible", "shown"), [(None, ["MIG-1", "MIG-2", "GPU-66"]), ("0", ["MIG-1", "MIG-2"]), ("1", ["1"])]
)
def test_a_gpu_that_is_cut_into_slices_is_its_slices_each_shown_by_its_name(
    visible: str | None, shown: list[str]
) -> None:
    environment = {} if visible is None else {"CUDA_VISIBLE_DEVICES": visible}
    found = available(Machine(CUT, Card("too old to be cut", 24, "GPU-66")), environment)
    assert [gpu.visible for gpu in found] == shown
    assert [gpu.device for gpu in found] == [f"cuda:{index}" for index in range(len(shown))]


@pytest.mark.parametrize(
    ("trouble", "there"),
    [
        (0, True),
        (Machine.NVML_ERROR_GPU_IS_LOST, False),
        (Machine.NVML_ERROR_NOT_FOUND, False),
        (Machine.NVML_ERROR_RESET_REQUIRED, False),
        (Machine.NVML_ERROR_UNKNOWN, True),
    ],
)
def test_a_gpu_is_gone_only_where_the_driver_says_so(trouble: int, *, there: bool) -> None:
    assert answers(GPUS[0], Machine(replace(CARDS[0], trouble=trouble))) is there


def test_a_gpu_of_which_the_driver_knows_nothing_more_is_gone() -> None:
    assert not answers(GPUS[0], Machine(CARDS[1]))


@pytest.mark.parametrize("known", [True, False])
def test_a_gpu_that_is_lost_hides_no_other_and_takes_nobody_his_number(*, known: bool) -> None:
    machine = Machine(CARDS[0], replace(CARDS[1], trouble=Machine.NVML_ERROR_GPU_IS_LOST, known=known), CARDS[2])
    found = available(machine, {})
    assert found == (replace(GPUS[0], visible="GPU-11aa"), replace(GPUS[2], visible="GPU-22cc"))
    assert available(machine, {"CUDA_VISIBLE_DEVICES": "1,2"}) == (Gpu(1, "C", 80.0, "GPU-22cc", "GPU-22cc"),)
    assert choose("cuda:2", found) == found[1:]
    assert choose("cuda", found) == found
    with pytest.raises(DeviceError, match=r"^device 'cuda:1' is not here"):
        choose("cuda:1", found)


def test_a_cut_gpu_whose_memory_is_not_told_shows_its_slices_all_the_same() -> None:
    no_permission = 4
    cut = replace(CUT, trouble=no_permission)
    assert [gpu.visible for gpu in available(Machine(cut), {})] == [gpu.visible for gpu in available(Machine(CUT), {})]
    assert available(Machine(cut), {})


def test_memory_in_use_is_told_in_mib() -> None:
    assert used_mb(GPUS[1], Machine(CARDS[0], replace(CARDS[1], used=1.5))) == 1536.0


@pytest.mark.parametrize(
    ("request_", "gpus", "chosen"),
    [
        ("auto", (), ()),
        ("auto", GPUS, GPUS),
        ("cpu", GPUS, ()),
        ("cuda", GPUS[:2], GPUS[:2]),
        ("cuda:2,0", GPUS, (GPUS[2], GPUS[0])),
        ("cuda:1,1", GPUS, (GPUS[1],)),
    ],
)
def test_a_request_becomes_gpus(request_: str, gpus: tuple[Gpu, ...], chosen: tuple[Gpu, ...]) -> None:
    assert choose(request_, gpus) == chosen


@pytest.mark.parametrize("request_", ["cuda", "cuda:0"])
def test_a_gpu_that_is_not_there_is_told_with_the_next_step(request_: str) -> None:
    with pytest.raises(DeviceError, match=rf"^device '{request_}' is not here; no GPU is visible .*; use cpu or auto$"):
        choose(request_, ())


def test_an_index_that_is_not_there_is_told_with_what_is() -> None:
    with pytest.raises(DeviceError) as caught:
        choose("cuda:0,3", GPUS[:1])
    assert str(caught.value) == "device 'cuda:3' is not here; there are cpu, cuda:0 (A, 24 GB)"


@pytest.mark.parametrize(
    "request_", ["gpu", "cuda:", "cuda:a", "cuda:-1", "cuda:0,", "cudaish:0", "", "cpu:0", "auto:1"]
)
def test_a_request_that_cannot_be_read_is_refused(request_: str) -> None:
    with pytest.raises(DeviceError, match="is not understood; write auto, cpu, cuda or cuda:0,1"):
        choose(request_, GPUS)


SMALL = Traits(tensors=True, on_policy=True, observations="vector")
PIXELS = Traits(tensors=True, on_policy=True, observations="image")
REPLAY = Traits(tensors=True, on_policy=False, observations="vector")
TABLE = Traits(tensors=False, on_policy=False, observations="discrete")


def test_unmeasured_small_networks_are_taken_to_be_quicker_on_the_cpu_and_the_rest_on_a_gpu() -> None:
    assert [likely_gains(traits) for traits in (SMALL, REPLAY, PIXELS, TABLE)] == [False, True, True, False]


SHARED = {"XLA_PYTHON_CLIENT_PREALLOCATE": "false"}
"""A JAX program leaves the memory that it does not need to the trials beside it."""


@pytest.mark.parametrize(
    ("device", "visible", "expected"),
    [
        ("cpu", "0,1", {"CUDA_VISIBLE_DEVICES": ""}),
        ("cuda:1", None, {"CUDA_VISIBLE_DEVICES": "1", "CUDA_DEVICE_ORDER": "PCI_BUS_ID", **SHARED}),
        ("cuda:1", "3,5", {"CUDA_VISIBLE_DEVICES": "5", **SHARED}),
        ("cuda:0", "MIG-5,GPU-11aa", {"CUDA_VISIBLE_DEVICES": "MIG-5", **SHARED}),
    ],
)
def test_a_worker_sees_its_device_alone(device: str, visible: str | None, expected: dict[str, str]) -> None:
    environment = {} if visible is None else {"CUDA_VISIBLE_DEVICES": visible}
    assert worker_environment(device, environment) == expected


def test_a_slice_is_shown_by_its_name() -> None:
    assert worker_environment("cuda:1", {}, "MIG-2") == {"CUDA_VISIBLE_DEVICES": "MIG-2", **SHARED}


def test_a_device_beyond_the_visible_ones_is_told() -> None:
    with pytest.raises(DeviceError, match="device 'cuda:2' is not visible; CUDA_VISIBLE_DEVICES lists 3,5"):
        worker_environment("cuda:2", {"CUDA_VISIBLE_DEVICES": "3,5"})


def test_a_device_that_is_not_one_is_told() -> None:
    with pytest.raises(DeviceError, match="device 'cuda:many' is not one; write cpu or cuda:N"):
        worker_environment("cuda:many", {})
