#pragma once

#include <cstddef>
#include <string>

#include "store/copy/summary.h"

// What an operator's commands ask about a database besides its rows. Throw Error when it cannot be
// reached.
namespace stampede::store {

// "stampede at 10.0.0.21:5432,10.0.0.22:5432": what the connection string means, without passwords.
std::string NameOfDatabase(const std::string& database);

// The same connection string, for a command: its sessions are not counted below.
std::string ForCommand(const std::string& database);

// Sessions of servers of ours with this database, on the server that takes writes.
size_t CountServerSessions(const std::string& database);

// Looks at every row for whether scans meet it.
Inspection InspectPostgres(const std::string& database);

}  // namespace stampede::store
