/* The header of the board that the firmware is built for: boards/BSP_BOARD.h. */
#define BOARD_STRING(text) #text
#define BOARD_EXPAND(text) BOARD_STRING(text)
#define BOARD_NAME BOARD_EXPAND(BSP_BOARD)
#define BOARD_PATH(name) boards/name.h
#define BOARD_HEADER(name) BOARD_EXPAND(BOARD_PATH(name))

#include BOARD_HEADER(BSP_BOARD)
