/* System management mode, on a processor without long mode.
 * guest-options: -cpu qemu32
 */
#define WIDTH "32"
#define SAVED_IP "0xfff0"
#define SAVED_AX "0xffd0"
#define SAVED_SMBASE "0xfef8"
#define SAVED_HALT "0xff02"
#define REVISION 0x20000
#include "smm.h"
