*** Comments ***
Each board boots at its full clock and says what runs on it.

*** Settings ***
Resource            firmware.resource
Test Template       Boots And Says What It Is

*** Test Cases ***                  BOARD            HERTZ
STM32F407 Discovery                 disco_f407vg     168000000
NUCLEO-F446RE                       nucleo_f446re    168000000
STM32F746 Discovery                 disco_f746ng     216000000
NUCLEO-L476RG                       nucleo_l476rg    80000000
NUCLEO-L552ZE-Q                     nucleo_l552ze_q  110000000

*** Keywords ***
Boots And Says What It Is
    [Arguments]    ${board}    ${hertz}
    Boot    streaming    ${board}
    ${info}=    Request    info
    Should Be Equal    ${info}[protocol]    2
    Should Be Equal    ${info}[model]    streaming
    Should Be Equal    ${info}[board]    ${board}
    Should Be Equal    ${info}[clock_hz]    ${hertz}
    Should Be Equal    ${info}[ops]    HMD_LSTM,FULLY_CONNECTED
