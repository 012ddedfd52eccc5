/** An exported recommender opened for asking in a compute process. */
import { describeModel } from '../compute/onnx/model.ts';
import { openSession } from '../compute/onnx/session.ts';
import { recommenderTensors as tensors } from '../contracts/artifacts.ts';
