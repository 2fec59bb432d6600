"""What people say on the phone that must be hidden, with what becomes of it, and what only looks like it."""

HIDDEN = [
    ("4242 4242 4242 4242", "[card]"),
    ("It is 4242424242424242.", "It is [card]."),
    ("4242-4242-4242-4242", "[card]"),
    ("4242,4242,4242,4242", "[card]"),
    ("4242/4242/4242/4242", "[card]"),
    ("4.2.4.2.4.2.4.2.4.2.4.2.4.2.4.2", "[card]"),
    ("4\u200b2\u200b42 42\u00ad42 \uff14\uff12\uff14\uff12 ④②④②", "[card]"),
    ("378282246310005", "[card]"),
    ("₹4242424242424242", "₹[card]"),
    ("4242 4242 4242 4242 12 28 123", "[card]"),
    ("my card is four two four two, four two four two, four two four two, four two four two", "my card is [card]"),
    ("forty two forty two forty two forty two forty two forty two forty two forty-two", "[card]"),
    ("मेरा कार्ड नंबर ४२४२ ४२४२ ४२४२ ४२४२ है", "मेरा कार्ड नंबर [card] है"),
    ("चार दो चार दो चार दो चार दो चार दो चार दो चार दो चार दो", "[card]"),
    ("char do char do char do char do char do char do char do char do", "[card]"),
    ("बयालीस बयालीस बयालीस बयालीस बयालीस बयालीस बयालीस बयालीस", "[card]"),
    ("the OTP is 427190", "the OTP is [otp]"),
    ("427190 is the OTP", "[otp] is the OTP"),
    ("one time password 4271, okay?", "one time password [otp], okay?"),
    ("the O T P, it says four two seven one nine oh", "the O T P, it says [otp]"),
    ("OTP 4271 hai", "OTP [otp] hai"),
    ("मेरा ओटीपी ४२७१ है", "मेरा ओटीपी [otp] है"),
    ("ओटीपी चार दो सात एक है", "ओटीपी [otp] है"),
    ("my pin is 4321 ok", "my pin is [pin] ok"),
    ("मेरा पिन चार तीन दो एक है", "मेरा पिन [pin] है"),
    ("CVV is 427", "CVV is [cvv]"),
    ("the security code is four two seven", "the security code is [cvv]"),
    ("सीवीवी चार दो सात", "सीवीवी [cvv]"),
    ("call me on 98765 43210", "call me on [phone]"),
    ("it's +91 98765 43210", "it's [phone]"),
    ("+14155552671", "[phone]"),
    ("plus four four seven nine one one one two three four five six", "[phone]"),
    ("(415) 555-2671 please", "[phone] please"),
    ("reach me at 555-2671", "reach me at [phone]"),
    ("my mobile number is 2345 6789", "my mobile number is [phone]"),
    ("my number is double nine eight seven triple zero one two three", "my number is [phone]"),
    ("nine eight seven six five, four three two one zero", "[phone]"),
    ("नौ आठ सात छह पांच चार तीन दो एक शून्य पर कॉल करो", "[phone] पर कॉल करो"),
    ("अट्ठानवे सतहत्तर पैंसठ तैंतालीस इक्कीस", "[phone]"),
    ("डबल नौ आठ सात ट्रिपल जीरो एक दो तीन", "[phone]"),
    ("account number 123456789012", "account number [account]"),
    ("my account number is 1234 5678", "my account number is [account]"),
    ("खाता संख्या 12345678 है", "खाता संख्या [account] है"),
    ("sort code 20-00-00", "sort code [account]"),
    ("IFSC is HDFC0001234", "IFSC is [account]"),
    ("H D F C zero zero zero one two three four", "[account]"),
    ("IBAN GB82 WEST 1234 5698 7654 32", "IBAN [account]"),
    ("de89370400440532013000", "[account]"),
    ("ravi@okhdfcbank", "[account]"),
    ("aadhaar 234123412346", "aadhaar [id]"),
    ("2341 2341 2346", "[id]"),
    ("आधार दो तीन चार एक दो तीन चार एक दो तीन चार छह", "आधार [id]"),
    ("PAN is ABCPE1234F", "PAN is [id]"),
    ("my PAN is ABCPE 1234 F", "my PAN is [id]"),
    ("my pan is A B C P E one two three four F", "my pan is [id]"),
    ("27ABCPE1234F1Z5", "[id]"),
    ("123-45-6789", "[id]"),
    ("my social security is 123 45 6789", "my social security is [id]"),
    ("AB 12 34 56 C", "[id]"),
    ("it is AB123456C", "it is [id]"),
    ("my passport number is A1234567", "my passport number is [id]"),
    ("पासपोर्ट नंबर J8369854", "पासपोर्ट नंबर [id]"),
    ("write to ravi.kumar@gmail.com.", "write to [email]."),
    ("रवि@उदाहरण.भारत", "[email]"),
    ("mail me at ravi dot kumar at gmail dot com", "mail me at [email]"),
    ("my email is ravi kumar at the rate gmail dot com", "my email is [email]"),
    ("ravi at brightdesk dot co dot in", "[email]"),
    ("r a v i underscore nine nine at yahoo dot in", "[email]"),
    ("ravi at gmail.com", "[email]"),
    ("ravi @ gmail.com", "[email]"),
    ("रवि डॉट कुमार एट जीमेल डॉट कॉम", "[email]"),
    ("mera email ravi at the rate gmail hai", "mera email [email] hai"),
    ("the reference is 8830 2219 4417", "the reference is [number]"),
    ("four two four two", "[number]"),
    ("the code they sent by sms is 427190", "the code they sent by sms is [otp]"),
    ("OTP aaya hai char do saat ek nau shunya", "OTP aaya hai [otp]"),
    ("mera number hai nau aath saat chhe paanch char teen do ek shunya", "mera number hai [phone]"),
    ("फोन नंबर है नौ आठ, सात छह, पाँच चार, तीन दो, एक शून्य", "फोन नंबर है [phone]"),
    ("aadhaar number is double two three four one two three four one two three six", "aadhaar number is [id]"),
    ("my upi is ravi at okicici", "my upi is [account]"),
    ("020 7946 0958", "[phone]"),
    ("0044 20 7946 0958", "[phone]"),
    ("p r i y a at hotmail dot com", "[email]"),
    ("4, 2, 4, 2", "[number]"),
]

KEPT = """
we have 12 agents
twenty five thousand rupees
it starts on 2026-11-24
at 3:30
on 24/11/2026 at 10:30:00
24-11-2026 25-11-2026
November 24, 2026 or 24 November 2026
24 नवंबर 2026
25,000 rupees
1,50,000 per month
₹2500000 a year
Rs. 50000000
50000000 rupees
5000/- only
49.99 dollars
45,000, 50,000, 60,000
20% off
twenty percent of it
in 2024, 2025 and 2026
2024-2025
nineteen ninety nine
between nine to five
24/7 support
ten fifteen people
two three days
one on one
one two three four
seven eight nine ten agents
one hundred and twenty five
two lakh fifty thousand three hundred and forty two rupees
we have 12, 15, 20, 25 and 30 agents
1200, 1500, 1800 seats
250, 300, 350, 400 and 450 calls
100 to 200 calls
we have 250000 accounts
a budget of 500000
a card limit of 50,000
OTP valid for 10 minutes
we use OTP login for 3000 users
the OTP system costs 5000 a month
our pin code is 560001
the phone costs 15000 rupees
call me in 2 weeks
call me at 10 in the morning
my card expires soon
version 3.14
on the 3rd of May at 3 pm
four o'clock
I do four demos
what do you do
by 250000 a month
it costs 1500 a month
at 10 percent discount for you and 20 more
visit us at brightdesk dot com
look at callwright dot com
our team at zoho
meet me at four
plan 999, 1499, 1999 and 2499
the passport office in 400001 Mumbai
between 5 and 10 lakhs
twelve hundred dollars
one point five crore
we started in two thousand nineteen
it's a 30 60 90 day plan
from 10:30 to 11:45
PAN India sales of 100000 units
the id cards for 500000 members
our license is for 250 users till 31/12/2026
account manager for 3 years with 25 accounts
call me tomorrow at 4 30
ravi works at zoho
at the rate of 18 percent
see github.com/callwright
building 1234
in FY 2025-26 we made 12,34,567 rupees
twenty, thirty, forty, fifty
एक दो तीन चार पाँच लोग
मेरा बजट दो लाख पचास हज़ार है
कल तीन बजे फोन करना
OTP ke baad 2 din lagenge
mujhe do teen din do
pandrah sau rupaye
दो तीन एजेंट
पच्चीस हज़ार रुपये
ढाई लाख रुपये
पंद्रह बीस लोग
सुबह दस बजे
हमारे पास ५० एजेंट हैं
डेढ़ लाख रुपये
१,५१,१११ रुपये
२०२६ में
तीन महीने में दो बार
do teen din
char paanch log
pachas hazaar rupaye
ek minat
""".strip().splitlines()
