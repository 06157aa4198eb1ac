#include "net/params.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "base/error.h"
#include "base/limits.h"

namespace stampede::net {
namespace {

template <class Int>
std::optional<Int> ParseInt(std::string_view text) {
  Int value = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

[[noreturn]] void Refuse(std::string_view why, std::string_view name) {
  throw Error(ErrorCode::kBadRequest, std::string(why) + ": " + std::string(name.substr(0, 100)));
}

// "a[b][]" as "a", "b", "". An empty part means "the next element of a list".
std::vector<std::string_view> SplitFormName(std::string_view name) {
  std::vector<std::string_view> parts;
  size_t open = name.find('[');
  parts.push_back(name.substr(0, open));
  if (parts[0].empty()) Refuse("Malformed parameter name", name);
  while (open < name.size()) {
    size_t close = name.find(']', open);
    if (name[open] != '[' || close == name.npos) Refuse("Malformed parameter name", name);
    parts.push_back(name.substr(open + 1, close - open - 1));
    if (parts.size() > limits::kParamDepthMax) Refuse("Too deeply nested parameter", name);
    open = close + 1;
  }
  return parts;
}

}  // namespace

const Params& Params::operator[](std::string_view name) const {
  static const Params kNothing;
  if (kind_ == Kind::kList) {
    std::optional<size_t> index = ParseInt<size_t>(name);
    return index && *index < members_.size() ? members_[*index].second : kNothing;
  }
  for (const auto& [key, member] : members_) {
    if (key == name) return member;
  }
  return kNothing;
}

bool Params::blank() const {
  return absent() || kind_ == Kind::kNull || (kind_ == Kind::kText && text_.empty());
}

std::optional<std::string_view> Params::Text() const {
  switch (kind_) {
    case Kind::kText:
    case Kind::kBool:
    case Kind::kNumber:
      return text_;
    default:
      return std::nullopt;
  }
}

// ActiveModel::Type::Boolean::FALSE_VALUES of Ruby on Rails.
std::optional<bool> Params::Bool() const {
  if (blank()) return std::nullopt;
  static constexpr std::array<std::string_view, 7> kFalse = {"0",     "f",   "F",  "false",
                                                             "FALSE", "off", "OFF"};
  std::optional<std::string_view> text = Text();
  return !text || std::find(kFalse.begin(), kFalse.end(), *text) == kFalse.end();
}

std::optional<int64_t> Params::Int() const {
  std::optional<std::string_view> text = Text();
  return text ? ParseInt<int64_t>(*text) : std::nullopt;
}

std::vector<std::string_view> Params::Texts() const {
  std::vector<std::string_view> texts;
  if (std::optional<std::string_view> text = Text()) texts.push_back(*text);
  for (const Params* element : Elements()) {
    if (std::optional<std::string_view> text = element->Text()) texts.push_back(*text);
  }
  return texts;
}

std::vector<const Params*> Params::Elements() const {
  std::vector<std::pair<uint64_t, const Params*>> ordered;
  for (const auto& [key, member] : members_) {
    if (kind_ == Kind::kList) {
      ordered.emplace_back(0, &member);
    } else if (std::optional<uint64_t> index = ParseInt<uint64_t>(key)) {
      ordered.emplace_back(*index, &member);
    }
  }
  std::sort(ordered.begin(), ordered.end());  // equal ones by their place
  std::vector<const Params*> elements;
  elements.reserve(ordered.size());
  for (const auto& [index, element] : ordered) elements.push_back(element);
  return elements;
}

std::string_view Params::Required(std::string_view name) const {
  const Params& value = (*this)[name];
  std::optional<std::string_view> text = value.Text();
  if (value.blank() || !text) Refuse("Missing required parameter", name);
  return *text;
}

Params Params::MakeText(std::string text) {
  Params params;
  params.kind_ = Kind::kText;
  params.text_ = std::move(text);
  return params;
}

Params Params::MakeBool(bool value) {
  Params params = MakeText(value ? "true" : "false");
  params.kind_ = Kind::kBool;
  return params;
}

Params Params::MakeNumber(std::string literal) {
  Params params = MakeText(std::move(literal));
  params.kind_ = Kind::kNumber;
  return params;
}

Params Params::MakeNull() {
  Params params;
  params.kind_ = Kind::kNull;
  return params;
}

Params Params::MakeFile(Upload file) {
  Params params;
  params.kind_ = Kind::kFile;
  params.file_.push_back(std::move(file));
  return params;
}

Params& Params::Set(std::string_view name, Params value) {
  if (absent()) kind_ = Kind::kMap;
  for (auto& [key, member] : members_) {
    if (key == name) return member = std::move(value);
  }
  return members_.emplace_back(std::string(name), std::move(value)).second;
}

Params& Params::Append(Params value) {
  if (absent()) kind_ = Kind::kList;
  return members_.emplace_back(std::string(), std::move(value)).second;
}

bool Params::HasPath(std::span<const std::string_view> path) const {
  const Params* at = this;
  for (std::string_view name : path) {
    if (at->kind_ != Kind::kMap) return false;
    at = &(*at)[name];
  }
  return !at->absent();
}

Params& Params::Descend(std::string_view name, std::span<const std::string_view> rest) {
  bool listed = name.empty();
  Kind wanted = listed ? Kind::kList : Kind::kMap;
  if (kind_ != wanted && !absent()) Refuse("Parameter is both a list and something else", name);
  if (!listed) {
    for (auto& [key, member] : members_) {
      if (key == name) return member;
    }
    return Set(name, {});
  }
  // Rails' rule for "a[][b]": the same object until a name comes that it has already.
  bool same_object = !members_.empty() && !rest.empty() && !rest.front().empty() &&
                     members_.back().second.kind_ == Kind::kMap &&
                     !members_.back().second.HasPath(rest);
  return same_object ? members_.back().second : Append({});
}

void Params::SetByFormName(std::string_view name, Params value) {
  std::vector<std::string_view> parts = SplitFormName(name);
  std::span<const std::string_view> rest = parts;
  Params* at = this;
  while (!rest.empty()) {
    std::string_view part = rest.front();
    rest = rest.subspan(1);
    at = &at->Descend(part, rest);
  }
  *at = std::move(value);
}

}  // namespace stampede::net
