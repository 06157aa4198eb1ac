#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "features/accounts/service.h"

// The pure rules of accounts: what may be entered. Thread-safe. Problems carry Mastodon's ERR_
// codes (docs.joinmastodon.org/entities/Error, details).
namespace stampede::accounts {

// Names that nobody may take, because people would take them for the operators.
bool IsReservedUsername(std::string_view username);

// Whether mail could be sent there, as far as the text tells (RFC 5321, section 4.5.3.1 for sizes).
// Quoted local parts are refused.
bool IsPlausibleEmail(std::string_view email);

// Everything wrong with the entries, but for what only the store knows (ERR_TAKEN).
std::vector<Error::FieldProblem> SignUpProblems(const NewUser& user);

// What is granted at once to whoever signs up by API or page: everything where registrations are
// open, all but the approval where they need one. There is no mail yet, so addresses are taken on
// trust.
void GrantByRegistrations(Registrations registrations, NewUser& user);

// Everything wrong with the patch.
std::vector<Error::FieldProblem> ProfileProblems(const ProfilePatch& patch);

// The number stored in UserRecord.default_visibility, nullopt for a word that is none.
std::optional<int> VisibilityNumber(std::string_view word);

// One kInvalid error for all problems: "Validation failed: Username has already been taken, …".
[[noreturn]] void ThrowProblems(std::vector<Error::FieldProblem> problems);

}  // namespace stampede::accounts
