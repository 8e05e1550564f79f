*** Comments ***
What is damaged is refused. A board without interpreter holds its model as code and checks nothing of
it: a corrupted .tflite is refused where it is turned into code, a corrupted request on the board.

*** Settings ***
Resource            firmware.resource

*** Test Cases ***
A Damaged Request Is Refused And Changes Nothing
    ${vectors}=    Load Vectors    streaming
    Boot    streaming    disco_f407vg
    Run    ${vectors}[inputs][0]
    ${line}=    Add Checksum    run 1 ${vectors}[inputs][1]
    ${reply}=    Send Line    ${line[:-1]}
    Should Match Regexp    ${reply}    ^err crc received=none expected=[0-9A-F]{4} \\*
    ${reply}=    Send Line    ${line}0
    Should Match Regexp    ${reply}    ^err crc received=none expected=[0-9A-F]{4} \\*
    ${reply}=    Send Line    reset *0000
    Should Match Regexp    ${reply}    ^err crc received=0000 expected=[0-9A-F]{4} \\*
    ${second}=    Run    ${vectors}[inputs][1]
    Should Be Equal    ${second}[output]    ${vectors}[outputs][1]

A Corrupted Model Is Refused
    Refuse Corrupted Model    streaming
