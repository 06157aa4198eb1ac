#include "net/path_index.h"

#include <algorithm>
#include <functional>
#include <unordered_map>

namespace stampede::net {
namespace {

constexpr size_t kMethods = static_cast<size_t>(Method::kOther) + 1;

struct TextHash {
  using is_transparent = void;
  size_t operator()(std::string_view text) const { return std::hash<std::string_view>()(text); }
};
template <class T>
using TextMap = std::unordered_map<std::string, T, TextHash, std::equal_to<>>;

// The rows of one pattern by method.
class Rows {
 public:
  Rows() { rows_.fill(-1); }
  void Set(Method method, int row) { rows_[static_cast<size_t>(method)] = row; }
  int For(Method method) const {
    int row = rows_[static_cast<size_t>(method)];
    return row < 0 && method == Method::kHead ? For(Method::kGet) : row;
  }
  void AddTo(std::vector<Method>& methods) const {
    for (size_t i = 0; i < kMethods; ++i) {
      Method method = static_cast<Method>(i);
      bool known = std::find(methods.begin(), methods.end(), method) != methods.end();
      if (For(method) >= 0 && !known) methods.push_back(method);
    }
  }

 private:
  std::array<int, kMethods> rows_;
};

// One segment of the trie. Nodes form a tree as deep as the longest pattern.
struct Node {
  TextMap<std::unique_ptr<Node>> literals;
  std::vector<std::pair<std::string, std::unique_ptr<Node>>> prefixes;  // "@" of "@:name"
  std::unique_ptr<Node> any;
  Rows here;
  Rows rest;
};

Node& Child(Node& node, std::string_view segment) {
  size_t colon = segment.find(':');
  if (colon == segment.npos) {
    auto& slot = node.literals[std::string(segment)];
    if (!slot) slot = std::make_unique<Node>();
    return *slot;
  }
  if (colon == 0) {
    if (!node.any) node.any = std::make_unique<Node>();
    return *node.any;
  }
  for (auto& [prefix, child] : node.prefixes) {
    if (prefix == segment.substr(0, colon)) return *child;
  }
  return *node.prefixes.emplace_back(segment.substr(0, colon), std::make_unique<Node>()).second;
}

// Depth first, the more literal way first. `path` is what is left, without its leading slash; at a
// pattern's end it is null (not merely empty).
bool Walk(const Node& node, Method method, std::string_view path, PathIndex::Match& match) {
  auto take = [&](const Rows& rows) {
    match.row = rows.For(method);
    if (match.row < 0) rows.AddTo(match.allowed);
    return match.row >= 0;
  };
  if (path.data() == nullptr) return take(node.here);

  size_t slash = path.find('/');
  std::string_view segment = path.substr(0, slash);
  std::string_view left = slash == path.npos ? std::string_view() : path.substr(slash + 1);
  auto literal = node.literals.find(segment);
  if (literal != node.literals.end() && Walk(*literal->second, method, left, match)) return true;

  auto with_arg = [&](std::string_view arg, const Node& child) {
    if (arg.empty()) return false;
    match.args.push_back(arg);
    if (Walk(child, method, left, match)) return true;
    match.args.pop_back();
    return false;
  };
  for (const auto& [prefix, child] : node.prefixes) {
    if (segment.starts_with(prefix) && with_arg(segment.substr(prefix.size()), *child)) return true;
  }
  if (node.any && with_arg(segment, *node.any)) return true;
  if (path.empty() || !take(node.rest)) return false;
  match.args.push_back(path);
  return true;
}

}  // namespace

struct PathIndex::Impl {
  TextMap<Rows> literals;  // patterns without arguments, as a whole
  Node root;               // the others
};

PathIndex::PathIndex() : impl_(new Impl) {}
PathIndex::~PathIndex() = default;

void PathIndex::Add(Method method, std::string_view pattern, int row) {
  if (pattern.find_first_of(":*") == pattern.npos) {
    impl_->literals[std::string(pattern)].Set(method, row);
    return;
  }
  Node* node = &impl_->root;
  for (size_t at = 1; at <= pattern.size();) {
    size_t slash = std::min(pattern.find('/', at), pattern.size());
    std::string_view segment = pattern.substr(at, slash - at);
    if (segment.starts_with('*')) return node->rest.Set(method, row);
    node = &Child(*node, segment);
    at = slash + 1;
  }
  node->here.Set(method, row);
}

PathIndex::Match PathIndex::Find(Method method, std::string_view path) const {
  Match match;
  if (auto found = impl_->literals.find(path); found != impl_->literals.end()) {
    match.row = found->second.For(method);
    if (match.row >= 0) return match;
    found->second.AddTo(match.allowed);
  }
  if (path.starts_with('/')) Walk(impl_->root, method, path.substr(1), match);
  return match;
}

}  // namespace stampede::net
