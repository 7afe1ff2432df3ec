// The one place where Beast's own sources are compiled.
#include <boost/beast/src.hpp>
