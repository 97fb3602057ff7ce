"""Words that stand in the text of a cell that has no value: the errors of a spreadsheet, and ours for a formula never computed.

Landing writes them, harmonise makes null and an issue of them, and a key that is one counts as empty.
"""

NO_VALUE = "#NO_VALUE!"
NO_NUMBER = "#NUM!"
ERRORS = (
    "#N/A", "#REF!", "#VALUE!", "#DIV/0!", "#NAME?", "#NULL!", NO_NUMBER, "#SPILL!", "#CALC!", "#FIELD!", "#BLOCKED!",
    "#CONNECT!", "#UNKNOWN!", "#BUSY!", "#GETTING_DATA", "#EXTERNAL!", "#PYTHON!",
)  # fmt: skip
