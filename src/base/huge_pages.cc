#include "base/huge_pages.h"

#include <sys/prctl.h>

namespace stampede {

void AllowHugePages(bool allow) { prctl(PR_SET_THP_DISABLE, allow ? 0 : 1, 0, 0, 0); }

}  // namespace stampede
