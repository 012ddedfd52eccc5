/**
 * What onnxruntime's CUDA provider needs, as packages of PyPI: the one place where their versions stand. The npm
 * package has neither the provider nor any library of NVIDIA's.
 *
 * onnxruntime-gpu is of the version of onnxruntime-node in package.json (a test holds the two together); it brings a
 * build of onnxruntime of its own, since the provider and onnxruntime must be of one build. The toolkit's libraries are
 * those of CUDA 13.0, which that build was made with, so that the oldest driver of CUDA 13 will do; cuDNN keeps its
 * interface over all of version 9. cuFFT is left out: no graph of ours has a Fourier transform.
 */
export interface GpuPackage {
  /** On PyPI. */
  name: string;
  version: string;
  /** Of the wheel. */
  sha256: string;
  /** Of the wheel. */
  bytes: number;
  /** What is taken of it, by file name, with sizes. */
  files: Readonly<Record<string, number>>;
  /** Names under which some are looked for besides their own. */
  links?: Readonly<Record<string, string>>;
}

export const onnxruntimeVersion = '1.30.0';

/** In the order in which the loader is to look at them: onnxruntime first, in front of the npm package's. */
export const gpuPackages: readonly GpuPackage[] = [
  {
    name: 'onnxruntime-gpu',
    version: onnxruntimeVersion,
    sha256: '6acc0f4b3d5ac5f2984432faa59dd8fcce6775f8b43a7140afa0f322c7a703b1',
    bytes: 246_685_715,
    files: {
      'libonnxruntime.so.1.30.0': 29_062_976,
      'libonnxruntime_providers_shared.so': 14_632,
      'libonnxruntime_providers_cuda.so': 272_049_904,
      'libonnxruntime_providers_tensorrt.so': 990_656,
      LICENSE: 1_073,
      'ThirdPartyNotices.txt': 338_088,
    },
    links: { 'libonnxruntime.so.1': 'libonnxruntime.so.1.30.0' },
  },
  {
    name: 'nvidia-cuda-runtime',
    version: '13.0.96',
    sha256: '7f82250d7782aa23b6cfe765ecc7db554bd3c2870c43f3d1821f1d18aebf0548',
    bytes: 2_243_632,
    files: { 'libcudart.so.13': 704_288, 'License.txt': 59_262 },
  },
  {
    name: 'nvidia-cublas',
    version: '13.1.0.3',
    sha256: 'ee8722c1f0145ab246bccb9e452153b5e0515fd094c3678df50b2a0888b8b171',
    bytes: 423_133_236,
    files: { 'libcublas.so.13': 54_177_976, 'libcublasLt.so.13': 541_595_600, 'License.txt': 59_262 },
  },
  {
    name: 'nvidia-curand',
    version: '10.4.0.35',
    sha256: '1aee33a5da6e1db083fe2b90082def8915f30f3248d5896bcec36a579d941bfc',
    bytes: 59_544_258,
    files: { 'libcurand.so.10': 132_698_328, 'License.txt': 59_262 },
  },
  {
    name: 'nvidia-cuda-nvrtc',
    version: '13.0.88',
    sha256: 'ad9b6d2ead2435f11cbb6868809d2adeeee302e9bb94bcf0539c7a40d80e8575',
    bytes: 90_215_200,
    files: { 'libnvrtc.so.13': 109_338_064, 'libnvrtc-builtins.so.13.0': 4_380_616, 'License.txt': 59_262 },
    links: { 'libnvrtc.so': 'libnvrtc.so.13' },
  },
  {
    name: 'nvidia-cudnn-cu13',
    version: '9.28.1.4',
    sha256: 'a54f205b1db1f2895d99f398754db1369816f0569dd459731f925635cf7b65ec',
    bytes: 516_817_937,
    files: {
      'libcudnn.so.9': 137_432,
      'libcudnn_adv.so.9': 92_392_360,
      'libcudnn_cnn.so.9': 4_204_144,
      'libcudnn_engines_precompiled.so.9': 260_072_128,
      'libcudnn_engines_runtime_compiled.so.9': 41_978_752,
      'libcudnn_engines_tensor_ir.so.9': 249_581_552,
      'libcudnn_ext.so.9': 10_492_592,
      'libcudnn_graph.so.9': 149_118_552,
      'libcudnn_heuristic.so.9': 96_473_968,
      'libcudnn_ops.so.9': 35_661_648,
      'License.txt': 18_174,
    },
    links: { 'libcudnn.so': 'libcudnn.so.9' },
  },
];

export const folderName = ({ name, version }: GpuPackage): string => `${name}-${version}`;

export const unpackedBytes = ({ files }: GpuPackage): number =>
  Object.values(files).reduce((sum, bytes) => sum + bytes, 0);

/** `247 MB`, `1.3 GB`, as pip and PyPI count. */
export function spellSize(bytes: number): string {
  return bytes < 999_500_000 ? `${Math.round(bytes / 1e6)} MB` : `${(bytes / 1e9).toFixed(1)} GB`;
}
