"""Checks graphs with onnx and runs them in onnxruntime: prints what came out, as JSON.

    python check_graphs.py <request.json>

The request: [{"model": path, "feeds": {name: tensor}}]; the answer, in the same order: {"outputs": {name: tensor}} or
{"error": text}. A tensor is {"type", "shape", "data"}: the data in base64, little-endian, or a list of strings.
"""

import base64
import json
import sys

import numpy
import onnx
import onnxruntime


def decode(tensor):
    if tensor["type"] == "string":
        values = numpy.array(tensor["data"], dtype=object)
    else:
        values = numpy.frombuffer(base64.b64decode(tensor["data"]), dtype=tensor["type"])
    return values.reshape(tensor["shape"])


def encode(values):
    text = values.dtype == object
    return {
        "type": "string" if text else values.dtype.name,
        "shape": values.shape,
        "data": values.flatten().tolist() if text else base64.b64encode(values.tobytes()).decode(),
    }


def check(model, feeds):
    # With the types and shapes of all values inferred, and held against those that the file declares.
    onnx.checker.check_model(onnx.load(model), full_check=True)
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    results = session.run(names, {name: decode(tensor) for name, tensor in feeds.items()})
    return {name: encode(numpy.asarray(result)) for name, result in zip(names, results)}


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        request = json.load(file)
    answers = []
    for case in request:
        try:
            answers.append({"outputs": check(**case)})
        except Exception as error:
            answers.append({"error": f"{type(error).__name__}: {error}"})
    print(json.dumps(answers))


main()
