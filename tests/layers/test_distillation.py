"""The distillation loss against NumPy, and plain training where the teacher has no part."""

from pathlib import Path

import keras
import numpy as np
import pytest

from hmd_tflm.errors import UserError
from hmd_tflm.layers import HMDLSTM
from hmd_tflm.layers.distillation import Distiller

BATCH, STEPS, INPUTS, CLASSES = 6, 4, 3, 5
RNG = np.random.default_rng(0)
X = RNG.normal(size=(BATCH, STEPS, INPUTS)).astype(np.float32)
Y = RNG.integers(CLASSES, size=BATCH)


def classifier(
    seed: int, activation: str = "softmax", *, sequences: bool = False, masked: bool = False
) -> keras.Model:
    keras.utils.set_random_seed(seed)
    penalty = keras.regularizers.L2(0.01)
    return keras.Sequential(
        [
            keras.Input((STEPS, INPUTS)),
            *([keras.layers.Masking()] if masked else []),
            HMDLSTM(6, 1.5, return_sequences=sequences, kernel_regularizer=penalty),
            keras.layers.Dense(CLASSES, activation=activation, kernel_initializer="random_normal"),
        ]
    )


def softmax(logits: np.ndarray) -> np.ndarray:
    powers = np.exp(logits - logits.max(-1, keepdims=True))
    return powers / powers.sum(-1, keepdims=True)


@pytest.mark.parametrize(
    ("sequences", "masked"), [(False, False), (True, False), (True, True)], ids=str
)
@pytest.mark.parametrize(("ours", "theirs"), [("softmax", "linear"), ("linear", "softmax")])
@pytest.mark.parametrize("weighted", [False, True])
def test_the_loss_is_the_formula(
    ours: str, theirs: str, sequences: bool, masked: bool, weighted: bool
) -> None:
    student = classifier(1, ours, sequences=sequences, masked=masked)
    teacher = classifier(2, theirs, sequences=sequences, masked=masked)
    for weight in (*student.weights, *teacher.weights):
        weight.assign(weight * 5)  # answers that differ
    x, there = X.copy(), np.ones((BATCH, STEPS) if sequences else BATCH, bool)
    if masked:
        there[:3, 2:] = False
        x[~there] = 0
    y = np.repeat(Y[:, None], STEPS, axis=1) if sequences else Y
    weight = RNG.uniform(0.5, 2, size=y.shape).astype(np.float32) if weighted else np.ones(y.shape)
    distiller = Distiller(student, teacher, temperature=2.5, alpha=0.3)
    own = keras.losses.SparseCategoricalCrossentropy(from_logits=ours == "linear")
    distiller.compile("sgd", own)
    received = distiller.evaluate(x, y, batch_size=BATCH, sample_weight=weight, verbose=0)
    p, q = (
        np.log(softmax(answer)) if activation == "linear" else np.log(answer)
        for answer, activation in (
            (teacher.predict(x, verbose=0).astype(np.float64), theirs),
            (student.predict(x, verbose=0).astype(np.float64), ours),
        )
    )
    hard = -np.take_along_axis(q, y[..., None], -1)[..., 0]
    soft_p, soft_q = softmax(p / 2.5), softmax(q / 2.5)
    divergence = (soft_p * np.log(soft_p / soft_q)).sum(-1)
    penalty = float(sum(student.losses))
    hard, divergence = ((values * weight)[there].mean() for values in (hard, divergence))
    expected = 0.7 * (hard + penalty) + 0.3 * 2.5**2 * divergence
    assert received == pytest.approx(expected, rel=1e-5)


def test_without_the_teacher_it_is_plain_training() -> None:
    plain, student, teacher = (classifier(seed) for seed in (1, 1, 2))
    distiller = Distiller(student, teacher, alpha=0)
    for model in (plain, distiller):
        model.compile("adam", "sparse_categorical_crossentropy", jit_compile=True)
        model.fit(X, Y, batch_size=3, epochs=3, shuffle=False, verbose=0)
    for one, other in zip(student.get_weights(), plain.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_the_teacher_alone_draws_the_student_to_its_answers(tmp_path: Path) -> None:
    student, teacher = classifier(1), classifier(2)
    before = teacher.get_weights()
    student.layers[0].cell.dense.regularizer = None
    distiller = Distiller(student, teacher, temperature=1, alpha=1)
    distiller.compile(keras.optimizers.Adam(0.05), "sparse_categorical_crossentropy")
    history = distiller.fit(X, Y, epochs=80, verbose=0).history["loss"]
    assert history[-1] < 0.01 * history[0]
    np.testing.assert_allclose(student(X), teacher(X), atol=0.05)
    for one, other in zip(teacher.get_weights(), before, strict=True):
        np.testing.assert_array_equal(one, other)
    assert len(distiller.trainable_variables) == len(student.trainable_variables)
    student.save(tmp_path / "student.keras")
    loaded = keras.saving.load_model(tmp_path / "student.keras")
    np.testing.assert_array_equal(loaded.predict(X, verbose=0), distiller.predict(X, verbose=0))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"temperature": 0}, "temperature: received 0, expected a number above 0"),
        ({"alpha": 1.5}, "alpha: received 1.5, expected 0 to 1"),
    ],
)
def test_numbers_out_of_range_are_refused(options: dict[str, float], message: str) -> None:
    with pytest.raises(UserError, match=message):
        Distiller(classifier(1), classifier(2), **options)


def test_models_that_do_not_fit_are_refused() -> None:
    with pytest.raises(UserError, match=r"output_shape: received \(None, 5\), expected the \(None"):
        Distiller(classifier(1), classifier(2, sequences=True))
    with pytest.raises(UserError, match="received Dense as the last layer, expected .*'softmax'"):
        Distiller(classifier(1), classifier(2, "relu"))
    for operation in (keras.ops.softmax, keras.ops.relu):
        base = classifier(2, "linear")
        bare = keras.Model(base.inputs, operation(base.outputs[0]))
        with pytest.raises(UserError, match="as the last layer, expected a layer with activation"):
            Distiller(classifier(1), bare)
    unbuilt = keras.Sequential([HMDLSTM(6), keras.layers.Dense(CLASSES, "softmax")])
    for models in ((unbuilt, classifier(1)), (classifier(1), unbuilt)):
        with pytest.raises(UserError, match="received a Sequential, expected .* that is built"):
            Distiller(*models)
    one = classifier(1)
    two = keras.Model(one.inputs, [one.outputs[0], one.outputs[0]], name="two")
    with pytest.raises(UserError, match="model two: received 2 outputs, expected one"):
        Distiller(two, two)
