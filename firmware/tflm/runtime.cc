// What the C++ runtime would do for firmware that exits: nothing, main() never returns.
extern "C" {

void *__dso_handle = nullptr;

// Registers the destructor of a static object.
int __cxa_atexit(void (*)(void *), void *, void *) { return 0; }

// Instead of libstdc++'s, which brings along the unwinder.
void __cxa_pure_virtual() { __builtin_trap(); }
}
