"""Loads recommender graphs where no code of ours is at hand: prints what each runtime answers, as JSON.

    python other_runtimes.py <request.json>

The request: {"feeds": {name: {"type", "shape", "data"}}, "models": [path]}. Needs onnx, onnxruntime and numpy.
"""

import json
import sys

import numpy
import onnx
import onnxruntime
from onnx.reference import ReferenceEvaluator

TYPES = {"string": object, "float32": numpy.float32, "bool": bool, "int64": numpy.int64}


def answers(path, feeds):
    model = onnx.load(path)
    onnx.checker.check_model(model, full_check=True)
    inferred = onnx.shape_inference.infer_shapes(model, check_type=True, strict_mode=True, data_prop=True)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    return {
        "ranks": {v.name: len(v.type.tensor_type.shape.dim) for v in inferred.graph.output},
        "onnxruntime": dict(zip(names, (a.tolist() for a in session.run(names, feeds)))),
        "reference": dict(zip(names, (a.tolist() for a in ReferenceEvaluator(model).run(names, feeds)))),
    }


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        request = json.load(file)
    feeds = {
        name: numpy.array(value["data"], dtype=TYPES[value["type"]]).reshape(value["shape"])
        for name, value in request["feeds"].items()
    }
    print(json.dumps([answers(path, feeds) for path in request["models"]]))


main()
