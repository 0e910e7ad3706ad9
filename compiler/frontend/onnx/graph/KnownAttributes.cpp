// Attributes that ops have, as the schemas of ONNX and ONNX Runtime list them.
//
// A lowering asks for most of them. This table has what it may leave out where another attribute or an input decides,
// and what means nothing when a model only runs (momentum, seeds). What changed the meaning of an op in opsets before 7
// is not in it. https://github.com/onnx/onnx/blob/main/docs/Changelog.md
#include "compiler/frontend/onnx/graph/KnownAttributes.h"

#include <map>

namespace weft::frontend::onnx {
namespace {

using Table = std::map<std::string_view, std::string_view>;

const Table &standard() {
  static const Table table = {
      {"Abs", "consumed_inputs"},
      {"Add", "consumed_inputs"},
      {"ArgMax", "axis keepdims select_last_index"},
      {"ArgMin", "axis keepdims select_last_index"},
      {"Attention", "is_causal kv_num_heads q_num_heads qk_matmul_output_mode scale softcap softmax_precision"},
      {"AveragePool", "auto_pad ceil_mode count_include_pad dilations kernel_shape pads strides"},
      {"BatchNormalization", "consumed_inputs epsilon is_test momentum spatial training_mode"},
      {"Bernoulli", "dtype seed"},
      {"BitShift", "direction"},
      {"BlackmanWindow", "output_datatype periodic"},
      {"Cast", "round_mode to"},
      {"CastLike", "round_mode saturate"},
      {"Ceil", "consumed_inputs"},
      {"Celu", "alpha"},
      {"CenterCropPad", "axes"},
      {"Clip", "consumed_inputs max min"},
      {"Col2Im", "dilations pads strides"},
      {"Compress", "axis"},
      {"Concat", "axis"},
      {"ConcatFromSequence", "axis new_axis"},
      {"Constant", "value value_float value_floats value_int value_ints"},
      {"ConstantOfShape", "value"},
      {"Conv", "auto_pad dilations group kernel_shape pads strides"},
      {"ConvInteger", "auto_pad dilations group kernel_shape pads strides"},
      {"ConvTranspose", "auto_pad dilations group kernel_shape output_padding output_shape pads strides"},
      {"CumSum", "exclusive reverse"},
      {"DFT", "axis inverse onesided"},
      {"DeformConv", "dilations group kernel_shape offset_group pads strides"},
      {"DepthToSpace", "blocksize mode"},
      {"DequantizeLinear", "axis block_size output_dtype"},
      {"Div", "consumed_inputs"},
      {"Dropout", "consumed_inputs is_test ratio seed"},
      {"Einsum", "equation"},
      {"Elu", "alpha consumed_inputs"},
      {"Exp", "consumed_inputs"},
      {"EyeLike", "dtype k"},
      {"Flatten", "axis"},
      {"Floor", "consumed_inputs"},
      {"GRU", "activation_alpha activation_beta activations clip direction hidden_size layout linear_before_reset "
              "output_sequence"},
      {"Gather", "axis"},
      {"GatherElements", "axis"},
      {"GatherND", "batch_dims"},
      {"Gelu", "approximate"},
      {"Gemm", "alpha beta transA transB"},
      {"GlobalLpPool", "p"},
      {"GridSample", "align_corners mode padding_mode"},
      {"GroupNormalization", "epsilon num_groups stash_type"},
      {"HammingWindow", "output_datatype periodic"},
      {"HannWindow", "output_datatype periodic"},
      {"HardSigmoid", "alpha beta consumed_inputs"},
      {"Hardmax", "axis"},
      {"If", "else_branch then_branch"},
      {"InstanceNormalization", "consumed_inputs epsilon"},
      {"IsInf", "detect_negative detect_positive"},
      {"LRN", "alpha beta bias size"},
      {"LSTM",
       "activation_alpha activation_beta activations clip direction hidden_size input_forget layout output_sequence"},
      {"LayerNormalization", "axis epsilon stash_type"},
      {"LeakyRelu", "alpha consumed_inputs"},
      {"Log", "consumed_inputs"},
      {"LogSoftmax", "axis"},
      {"Loop", "body"},
      {"LpNormalization", "axis p"},
      {"LpPool", "auto_pad ceil_mode dilations kernel_shape p pads strides"},
      {"Max", "consumed_inputs"},
      {"MaxPool", "auto_pad ceil_mode dilations kernel_shape pads storage_order strides"},
      {"MaxUnpool", "kernel_shape pads strides"},
      {"Mean", "consumed_inputs"},
      {"MeanVarianceNormalization", "axes"},
      {"MelWeightMatrix", "output_datatype"},
      {"Min", "consumed_inputs"},
      {"Mod", "fmod"},
      {"Mul", "consumed_inputs"},
      {"Multinomial", "dtype sample_size seed"},
      {"Neg", "consumed_inputs"},
      {"NegativeLogLikelihoodLoss", "ignore_index reduction"},
      {"OneHot", "axis"},
      {"Optional", "type"},
      {"PRelu", "consumed_inputs"},
      {"Pad", "mode pads value"},
      {"QLinearConv", "auto_pad dilations group kernel_shape pads strides"},
      {"QuantizeLinear", "axis block_size output_dtype precision saturate"},
      {"RMSNormalization", "axis epsilon stash_type"},
      {"RNN", "activation_alpha activation_beta activations clip direction hidden_size layout output_sequence"},
      {"RandomNormal", "dtype mean scale seed shape"},
      {"RandomNormalLike", "dtype mean scale seed"},
      {"RandomUniform", "dtype high low seed shape"},
      {"RandomUniformLike", "dtype high low seed"},
      {"Reciprocal", "consumed_inputs"},
      {"ReduceL1", "axes keepdims noop_with_empty_axes"},
      {"ReduceL2", "axes keepdims noop_with_empty_axes"},
      {"ReduceLogSum", "axes keepdims noop_with_empty_axes"},
      {"ReduceLogSumExp", "axes keepdims noop_with_empty_axes"},
      {"ReduceMax", "axes keepdims noop_with_empty_axes"},
      {"ReduceMean", "axes keepdims noop_with_empty_axes"},
      {"ReduceMin", "axes keepdims noop_with_empty_axes"},
      {"ReduceProd", "axes keepdims noop_with_empty_axes"},
      {"ReduceSum", "axes keepdims noop_with_empty_axes"},
      {"ReduceSumSquare", "axes keepdims noop_with_empty_axes"},
      {"Relu", "consumed_inputs"},
      {"Reshape", "allowzero consumed_inputs shape"},
      {"Resize", "antialias axes coordinate_transformation_mode cubic_coeff_a exclude_outside extrapolation_value "
                 "keep_aspect_ratio_policy mode nearest_mode"},
      {"ReverseSequence", "batch_axis time_axis"},
      {"RoiAlign", "coordinate_transformation_mode mode output_height output_width sampling_ratio spatial_scale"},
      {"RotaryEmbedding", "interleaved num_heads rotary_embedding_dim"},
      {"STFT", "onesided"},
      {"Scan", "body num_scan_inputs scan_input_axes scan_input_directions scan_output_axes scan_output_directions"},
      {"Scatter", "axis"},
      {"ScatterElements", "axis reduction"},
      {"ScatterND", "reduction"},
      {"Selu", "alpha consumed_inputs gamma"},
      {"SequenceEmpty", "dtype"},
      {"SequenceMap", "body"},
      {"Shape", "end start"},
      {"Shrink", "bias lambd"},
      {"Sigmoid", "consumed_inputs"},
      {"Slice", "axes ends starts"},
      {"Softmax", "axis"},
      {"SoftmaxCrossEntropyLoss", "ignore_index reduction"},
      {"SpaceToDepth", "blocksize"},
      {"Split", "axis num_outputs split"},
      {"SplitToSequence", "axis keepdims"},
      {"Sqrt", "consumed_inputs"},
      {"Squeeze", "axes"},
      {"StringNormalizer", "case_change_action is_case_sensitive locale stopwords"},
      {"Sub", "consumed_inputs"},
      {"Sum", "consumed_inputs"},
      {"Swish", "alpha"},
      {"Tanh", "consumed_inputs"},
      {"TfIdfVectorizer", "max_gram_length max_skip_count min_gram_length mode ngram_counts ngram_indexes pool_int64s "
                          "pool_strings weights"},
      {"ThresholdedRelu", "alpha"},
      {"TopK", "axis k largest sorted"},
      {"Transpose", "perm"},
      {"Trilu", "upper"},
      {"Unsqueeze", "axes"},
      {"Upsample", "mode scales"},
  };
  return table;
}

const Table &microsoft() {
  static const Table table = {
      {"Attention", "do_rotary mask_filter_value num_heads past_present_share_buffer qkv_hidden_sizes "
                    "rotary_embedding_dim scale unidirectional"},
      {"EmbedLayerNormalization", "epsilon mask_index_type"},
      {"FusedGemm", "activation activation_alpha activation_beta activation_gamma alpha beta transA transB"},
      {"FusedMatMul", "alpha transA transB transBatchA transBatchB"},
      {"GroupQueryAttention",
       "do_rotary kv_num_heads local_window_size num_heads rotary_interleaved scale smooth_softmax softcap"},
      {"GatherBlockQuantized", "bits block_size gather_axis quantize_axis"},
      {"MatMulNBits", "K N accuracy_level bits block_size"},
      {"MultiHeadAttention", "mask_filter_value num_heads scale unidirectional"},
      {"QAttention", "do_rotary mask_filter_value num_heads past_present_share_buffer scale unidirectional"},
      {"QEmbedLayerNormalization", "epsilon"},
      {"QuickGelu", "alpha"},
      {"RelativePositionBias", "is_bidirectional max_distance"},
      {"RotaryEmbedding", "interleaved is_packed_batching num_heads rotary_embedding_dim scale"},
      {"SimplifiedLayerNormalization", "axis epsilon stash_type"},
      {"SkipLayerNormalization", "epsilon"},
      {"SkipSimplifiedLayerNormalization", "epsilon"},
  };
  return table;
}

} // namespace

bool hasAttribute(std::string_view domain, std::string_view op, std::string_view attribute) {
  // ONNX Runtime has some ops of its own in ONNX's domain.
  const bool isStandard = domain.empty() && standard().contains(op);
  const Table &table = isStandard ? standard() : microsoft();
  auto found = table.find(op);
  if (found == table.end())
    return false;
  for (std::string_view rest = found->second; !rest.empty();) {
    const size_t space = rest.find(' ');
    if (rest.substr(0, space) == attribute)
      return true;
    rest = space == std::string_view::npos ? "" : rest.substr(space + 1);
  }
  return false;
}

int64_t becameInput(std::string_view op, std::string_view attribute) {
  static const std::map<std::pair<std::string_view, std::string_view>, int64_t> table = {
      {{"Upsample", "scales"}, 9}, {{"Slice", "axes"}, 10},     {{"Slice", "ends"}, 10},     {{"Slice", "starts"}, 10},
      {{"TopK", "k"}, 10},         {{"Clip", "max"}, 11},       {{"Clip", "min"}, 11},       {{"Pad", "pads"}, 11},
      {{"Pad", "value"}, 11},      {{"Dropout", "ratio"}, 12},  {{"ReduceSum", "axes"}, 13}, {{"Split", "split"}, 13},
      {{"Squeeze", "axes"}, 13},   {{"Unsqueeze", "axes"}, 13}, {{"DFT", "axis"}, 20},
  };
  if (auto found = table.find({op, attribute}); found != table.end())
    return found->second;
  return op.starts_with("Reduce") && attribute == "axes" ? 18 : 0;
}

} // namespace weft::frontend::onnx
