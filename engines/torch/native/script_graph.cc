// Convolutions of a frozen TorchScript graph, with the sum and ReLU behind each, become ours: as fast as those of a frozen network, with
// a gradient with respect to the input alone.
#include <torch/csrc/autograd/custom_function.h>
#include <torch/csrc/jit/ir/constants.h>
#include <torch/csrc/jit/passes/dead_code_elimination.h>
#include <torch/csrc/jit/passes/inliner.h>
#include <torch/csrc/jit/passes/remove_mutation.h>
#include <torch/library.h>

#include "convolve.h"
#include "script.h"
#include "window.h"

namespace rampart {
namespace {

using c10::optional;
using torch::autograd::AutogradContext;
using torch::autograd::Function;
using torch::autograd::variable_list;

MaybeTensor maybe(const optional<Tensor>& t) { return t ? MaybeTensor(*t) : MaybeTensor(); }

ConvWeights weightsOf(const Tensor& filter, const optional<Tensor>& packed, const optional<Tensor>& packedBack) {
  return {filter, maybe(packed), maybe(packedBack)};
}

// A convolution on `[n, c, h, w]` in channels_last, plus `add`, then ReLU. Constants have no gradient.
struct Convolution : Function<Convolution> {
  static Tensor forward(AutogradContext* ctx, const Tensor& x, const Tensor& filter, const optional<Tensor>& packed,
                        const optional<Tensor>& packedBack, const optional<Tensor>& bias, const optional<Tensor>& add, int64_t stride,
                        int64_t pad, bool relu) {
    const Tensor in = channelsLast(x).contiguous();
    const Epilogue after{maybe(bias), add ? MaybeTensor(channelsLast(*add)) : MaybeTensor(), relu, std::nullopt};
    const Tensor y = channelsFirst(convolve(in, weightsOf(filter, packed, packedBack), stride, pad, after));
    auto& kept = ctx->saved_data;
    kept["filter"] = filter;
    kept["packedBack"] = packedBack;
    kept["shape"] = in.sizes().vec();
    kept["stride"] = stride;
    kept["pad"] = pad;
    kept["add"] = add.has_value();
    kept["relu"] = relu;
    if (relu) ctx->save_for_backward({y});
    return y;
  }

  static variable_list backward(AutogradContext* ctx, variable_list grads) {
    auto& kept = ctx->saved_data;
    Tensor dy = grads[0].contiguous(at::MemoryFormat::ChannelsLast);
    if (kept["relu"].toBool()) dy = at::threshold_backward(dy, ctx->get_saved_variables()[0], 0);
    const auto weights = weightsOf(kept["filter"].toTensor(), optional<Tensor>(), kept["packedBack"].toOptional<Tensor>());
    const Tensor dx = convolveBack(channelsLast(dy), weights, kept["shape"].toIntVector(), kept["stride"].toInt(), kept["pad"].toInt(), {});
    const Tensor none;
    return {channelsFirst(dx), none, none, none, none, kept["add"].toBool() ? dy : none, none, none, none};
  }
};

// The operator of a rewritten graph. What `Convolution` does not take (another dtype, one image without a batch, a sum that broadcasts) is
// done by libtorch.
Tensor convolution(const Tensor& x, const Tensor& filter, const optional<Tensor>& packed, const optional<Tensor>& packedBack,
                   const optional<Tensor>& bias, const optional<Tensor>& add, int64_t stride, int64_t pad, bool relu) {
  const bool ours = x.dim() == 4 && x.scalar_type() == at::kFloat && x.size(1) == filter.size(2) && x.numel() > 0;
  const auto reach = [&](int64_t axis) { return (x.size(axis) + 2 * pad - filter.size(axis - 2)) / stride + 1; };
  const bool alike = ours && add && add->scalar_type() == at::kFloat && add->sizes() == Ints{x.size(0), filter.size(3), reach(2), reach(3)};
  if (ours && (alike || !add)) return Convolution::apply(x, filter, packed, packedBack, bias, add, stride, pad, relu);
  Tensor y = ours ? Convolution::apply(x, filter, packed, packedBack, bias, optional<Tensor>(), stride, pad, false)
                  : at::conv2d(x, filter.permute({3, 2, 0, 1}), bias, {stride, stride}, {pad, pad});
  if (add) y = at::add(y, *add);
  return relu ? at::relu(y) : y;
}

Tensor detached(const Tensor& x) { return x.detach(); }

TORCH_LIBRARY(rampart, library) {
  library.def("detach(Tensor(a) x) -> Tensor(a)", detached);
  library.def(
      "convolution(Tensor x, Tensor filter, Tensor? packed, Tensor? packed_back, Tensor? bias, Tensor? add, int stride, int pad, bool relu) "
      "-> Tensor",
      convolution);
}

const auto kOurs = jit::Symbol::fromQualString("rampart::convolution"), kDetach = jit::Symbol::fromQualString("rampart::detach");
// places of its inputs
constexpr size_t kAdd = 5, kRelu = 8;

template <typename Visit>
void forEachNode(jit::Block* block, const Visit& visit) {
  for (jit::Node* node : block->nodes()) {
    for (jit::Block* inner : node->blocks()) forEachNode(inner, visit);
    visit(node);
  }
}

// Whether the node writes into a tensor, or keeps one beyond the call.
bool writes(const jit::Node* node) {
  if (node->kind() == jit::prim::SetAttr) return true;
  const auto* schema = node->maybeSchema();
  if (!schema || !schema->is_mutable()) return false;
  const bool ofLists = std::string(node->kind().toQualString()).rfind("aten::_foreach", 0) != 0;
  for (const auto& argument : schema->arguments()) {
    if (!argument.alias_info() || !argument.alias_info()->isWrite()) continue;
    const auto kind = argument.type()->kind();
    // a list or dictionary that grows writes into no tensor
    if (!ofLists || (kind != c10::TypeKind::ListType && kind != c10::TypeKind::DictType)) return true;
  }
  return false;
}

bool readsStrides(const jit::Node* node) {
  const std::string name = node->kind().toQualString();
  return name == "aten::as_strided" || name == "aten::stride" || name == "aten::is_contiguous" || name == "aten::storage_offset";
}

// Another node of one output in the place of `node`, with the same inputs.
jit::Node* exchange(jit::Graph& graph, jit::Node* node, jit::Symbol kind) {
  jit::Node* made = graph.create(kind, node->inputs(), 1);
  made->insertBefore(node)->output()->copyMetadata(node->output());
  node->output()->replaceAllUsesWith(made->output());
  node->destroy();
  return made;
}

std::vector<jit::Node*> nodesOf(jit::Graph& graph) {
  std::vector<jit::Node*> nodes;
  forEachNode(graph.block(), [&](jit::Node* node) { nodes.push_back(node); });
  return nodes;
}

// A view of NCHW memory need not be one of NHWC memory; where nothing is written, a copy does as well.
void viewsBecomeReshapes(jit::Graph& graph, std::vector<jit::Node*>& nodes) {
  for (auto*& node : nodes) {
    const bool view = node->kind() == jit::aten::view && node->inputs().size() == 2 && node->input(1)->type()->kind() == c10::TypeKind::ListType;
    if (!view && node->kind() != jit::aten::view_as) continue;
    node = exchange(graph, node, view ? jit::aten::reshape : jit::aten::reshape_as);
  }
}

struct Geometry {
  Tensor weight;
  jit::IValue bias;  // a tensor or none
  int64_t stride, pad;
};

// Of a two-dimensional convolution with one stride, one padding and a filter that is there already; none for any other.
std::optional<Geometry> geometryOf(const jit::Node* node) {
  const bool general = node->kind() == jit::aten::_convolution;
  if (!general && node->kind() != jit::aten::conv2d) return std::nullopt;
  const auto constant = [&](size_t i) { return jit::toIValue(node->input(i)); };
  const auto weight = constant(1), bias = constant(2), groups = constant(general ? 8 : 6);
  if (!weight || !weight->isTensor() || !bias || !groups || groups->toInt() != 1) return std::nullopt;
  if (general && (!constant(6) || constant(6)->toBool())) return std::nullopt;
  const Tensor filter = weight->toTensor();
  if (filter.dim() != 4 || filter.scalar_type() != at::kFloat || filter.layout() != at::kStrided) return std::nullopt;
  Ints sizes;
  for (const size_t i : {3, 4, 5}) {
    const auto list = constant(i);
    if (!list || !list->isIntList()) return std::nullopt;  // a padding may be a word
    const auto both = list->toIntVector();
    if (both.empty() || both.front() != both.back()) return std::nullopt;
    sizes.push_back(both.front());
  }
  if (sizes[2] != 1) return std::nullopt;
  return Geometry{filter, bias->isTensor() ? jit::IValue(bias->toTensor().contiguous()) : jit::IValue(), sizes[0], sizes[1]};
}

// Nodes of the graph that are ours, in the place of convolutions.
std::vector<jit::Node*> replaceConvolutions(jit::Graph& graph, const std::vector<jit::Node*>& nodes) {
  std::vector<jit::Node*> ours;
  for (jit::Node* node : nodes) {
    const auto found = geometryOf(node);
    if (!found) continue;
    const jit::WithInsertPoint here(node);
    const Tensor filter = found->weight.detach().permute({2, 3, 1, 0}).contiguous();
    const bool fits = winogradFits(filter, found->stride, found->pad);
    const auto packed = [&](bool back) { return graph.insertConstant(fits ? jit::IValue(winogradPack(filter, back)) : jit::IValue()); };
    const auto constant = [&](const jit::IValue& value) { return graph.insertConstant(value); };
    const jit::IValue none;
    jit::Node* mine = graph.create(kOurs, {node->input(0), constant(filter), packed(false), packed(true), constant(found->bias), constant(none),
                                           constant(found->stride), constant(found->pad), constant(false)});
    graph.insertNode(mine)->output()->copyMetadata(node->output());
    node->output()->replaceAllUsesWith(mine->output());
    ours.push_back(mine);
  }
  return ours;
}

// The node that alone reads `value`, in the same block; none where there is no such one.
jit::Node* onlyReader(jit::Value* value, jit::Block* block) {
  const auto& uses = value->uses();
  return uses.size() == 1 && uses[0].user->owningBlock() == block ? uses[0].user : nullptr;
}

// `x + y` of tensors, unscaled.
bool isPlainSum(const jit::Node* node) {
  if (node->kind() != jit::aten::add || node->inputs().size() != 3) return false;
  const auto one = jit::toIValue(node->input(2));
  const auto tensor = [&](size_t i) { return node->input(i)->type()->isSubtypeOf(*c10::TensorType::get()); };
  return one && one->isInt() && one->toInt() == 1 && tensor(0) && tensor(1);
}

// A sum that alone reads a convolution goes into it, and so does a ReLU that alone reads either.
void fuse(jit::Graph& graph, jit::Node* mine) {
  jit::Block* block = mine->owningBlock();
  jit::Node* sum = onlyReader(mine->output(), block);
  if (sum && isPlainSum(sum) && sum->input(0) != sum->input(1)) {
    mine->moveBefore(sum);  // the other term is there by then; nothing in this graph writes into what the convolution reads
    mine->replaceInput(kAdd, sum->input(sum->input(0) == mine->output() ? 1 : 0));
    sum->output()->replaceAllUsesWith(mine->output());
    // the sum itself read the convolution's output and must not come to read its own
    sum->destroy();
  }
  jit::Node* relu = onlyReader(mine->output(), block);
  if (!relu || relu->kind() != jit::aten::relu) return;
  const jit::WithInsertPoint here(mine);
  mine->replaceInput(kRelu, graph.insertConstant(true));
  relu->output()->replaceAllUsesWith(mine->output());
  relu->destroy();
}

}  // namespace

void keepDetached(jit::Graph& graph) {
  jit::Inline(graph);
  for (jit::Node* node : nodesOf(graph))
    if (node->kind() == jit::aten::detach) exchange(graph, node, kDetach);
}

Adapted adapt(std::shared_ptr<jit::Graph>& graph) {
  Adapted made;
  for (const auto* node : nodesOf(*graph))
    if (node->kind() == jit::prim::Enter) made.contexts = true;
  if (made.contexts) return made;
  jit::RemoveTensorMutation(graph);
  auto nodes = nodesOf(*graph);
  for (const auto* node : nodes)
    if (writes(node) || readsStrides(node)) return made;
  made.channelsLast = true;
  viewsBecomeReshapes(*graph, nodes);
  const auto ours = replaceConvolutions(*graph, nodes);
  for (jit::Node* node : ours) fuse(*graph, node);
  jit::EliminateDeadCode(graph);
  made.convolutions = static_cast<int64_t>(ours.size());
  return made;
}

}  // namespace rampart
