"""`Distiller`: a student learns from labels and from what a teacher answers (arXiv 1503.02531)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
from keras import ops

from hmd_tflm.errors import UserError
from hmd_tflm.layers.head import is_softmax
from hmd_tflm.layers.model_inputs import check_built


class Distiller(keras.Model):
    """Train a classifier on a mean of its own loss and of its distance from a teacher.

    The loss is ``(1 - alpha) loss + alpha temperature**2 KL(teacher || student)``, where `loss` is
    what `compile` was given, with sample weights, and the regularizers; and KL is the divergence
    of the two answers' probabilities ``softmax(logits / temperature)``, in the mean over
    sequences (and steps, without masked ones). The student is trained in place: save and convert
    it alone. (What `keras.distillation.Distiller` adds up leaves out sample weights and
    regularizers.)

    Args:
        student: the model to train, Sequential or functional; its one output softmax
            probabilities or logits ``[batch, (steps,) classes]``.
        teacher: a trained model for the same inputs with the same classes.
        temperature: above 0; the higher, the more the unlikely classes count.
        alpha: the teacher's part, 0..1; with 0 this is the student's own training.

    Raises:
        UserError: temperature or alpha out of range; models that do not fit each other, or whose
            last layer is neither a softmax nor linear.

    Example:

    >>> distiller = Distiller(student, teacher, temperature=3, alpha=0.5)
    >>> distiller.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    >>> distiller.fit(x_train, y_train, epochs=5)
    >>> student.save("student.keras")
    """

    def __init__(
        self,
        student: keras.Model,
        teacher: keras.Model,
        *,
        temperature: float = 3.0,
        alpha: float = 0.5,
    ) -> None:
        super().__init__(name=f"distilled_{student.name}")
        if not 0 < temperature < float("inf"):
            raise UserError(f"temperature: received {temperature!r}, expected a number above 0")
        if not 0 <= alpha <= 1:
            raise UserError(f"alpha: received {alpha!r}, expected 0 to 1")
        for model in (student, teacher):
            check_built(model)
            if len(model.outputs) != 1:
                raise UserError(
                    f"model {model.name}: received {len(model.outputs)} outputs, expected one"
                )
        for name in ("input_shape", "output_shape"):
            received, expected = getattr(student, name), getattr(teacher, name)
            if received != expected:
                raise UserError(
                    f"student {student.name}, {name}: received {received}, expected the "
                    f"{expected} of teacher {teacher.name}"
                )
        self.student, self.temperature, self.alpha = student, temperature, alpha
        self._student_is_softmax = is_softmax(student)
        teacher_is_softmax = is_softmax(teacher)
        # Not an attribute: the teacher is no part of this model, neither to train nor to save
        self._taught = lambda x: self._soften(teacher(x, training=False), teacher_is_softmax)

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        """The student's answer."""
        return self.student(inputs, training=training)

    def compute_loss(
        self,
        x: Any = None,
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Any = None,
        training: bool = True,
    ) -> Any:
        """The loss above."""
        own = super().compute_loss(x, y, y_pred, sample_weight, training)
        if self.alpha == 0:
            return own
        distance = _Distance(lambda outputs: self._soften(outputs, self._student_is_softmax))(
            ops.stop_gradient(self._taught(x)), y_pred, sample_weight
        )
        return (1 - self.alpha) * own + self.alpha * self.temperature**2 * distance

    def _soften(self, outputs: Any, is_softmax: bool) -> Any:
        """Probabilities at the temperature."""
        if is_softmax:
            outputs = ops.log(ops.maximum(outputs, keras.backend.epsilon()))
        return ops.softmax(outputs / self.temperature, axis=-1)


class _Distance(keras.losses.Loss):
    """KL(teacher || student) of answers whose first are softened, the student's not yet.

    So Keras finds the mask of the steps, which the student's own tensor carries.
    """

    def __init__(self, soften: Callable[[Any], Any]) -> None:
        super().__init__(name="distance")
        self._soften = soften

    def call(self, y_true: Any, y_pred: Any) -> Any:
        return keras.losses.kl_divergence(y_true, self._soften(y_pred))
